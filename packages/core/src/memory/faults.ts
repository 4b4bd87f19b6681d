import type { Clock, Random } from "../ports/clock.ts";

/**
 * Liberties that the ports allow and the plain memory adapter never takes. With them on, code that leans on dense offsets,
 * prompt watches or conflicts that always mean a change fails in a test instead of on another adapter.
 */
export interface MemoryFaults {
  readonly random: Random;
  /** Skip up to nine offsets and revisions at each change. */
  readonly offsetGaps?: boolean;
  /** Hand changes to watches up to `maxLatenessMs` late. */
  readonly lateWatch?: boolean;
  /** Refuse one conditional change in four although its condition holds. */
  readonly conflicts?: boolean;
}

const maxLatenessMs = 20;
const maxGap = 9;

const fraction = (random: Random): number => (random.bytes(1)[0] ?? 0) / 256;

/** How far the next offset or revision is from the last. */
export function nextStep(faults: MemoryFaults | undefined): number {
  return faults?.offsetGaps === true ? 1 + Math.floor(fraction(faults.random) * (maxGap + 1)) : 1;
}

/** Whether to refuse a conditional change for no reason. */
export function refusesAnyway(faults: MemoryFaults | undefined): boolean {
  return faults?.conflicts === true && fraction(faults.random) < 0.25;
}

/** How watches are called back: as soon as the running task is over, or late. */
export function watchScheduler(faults: MemoryFaults | undefined, clock: Clock): (run: () => void) => void {
  if (faults?.lateWatch !== true) return queueMicrotask;
  return (run) => void clock.setTimer(fraction(faults.random) * maxLatenessMs, run);
}
