import { percentile } from "./spread.ts";

/** What repeating a call took. */
export interface LoadFigures {
  readonly calls: number;
  readonly perSecond: number;
  /** Milliseconds from the call to its answer. */
  readonly p50: number;
  readonly p99: number;
}

const warmUpShare = 0.1;

/** Repeats a call for so many seconds with so many in flight; the first tenth of the time does not count. */
export async function repeatCall(
  call: () => Promise<void>,
  { seconds, inFlight }: { seconds: number; inFlight: number },
): Promise<LoadFigures> {
  const started = performance.now();
  const from = started + seconds * 1000 * warmUpShare;
  const until = started + seconds * 1000;
  const took: number[] = [];
  const worker = async (): Promise<void> => {
    for (;;) {
      const begun = performance.now();
      if (begun >= until) return;
      await call();
      const ended = performance.now();
      if (begun >= from) took.push(ended - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const measured = performance.now() - from;
  return {
    calls: took.length,
    perSecond: took.length / (measured / 1000),
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
  };
}
