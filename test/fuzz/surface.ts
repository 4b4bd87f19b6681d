import type { SeededRandom } from "@parley/testkit";

/** Something that takes input from strangers, opened for a run. */
export interface Surface {
  /** Feeds it one case made from the seed; resolves with the number of frames or messages that it was fed. Throws `BrokenInvariant`. */
  run(random: SeededRandom): Promise<number> | number;
  /** Asks it something that it must still answer. Throws when it does not. */
  probe(): Promise<void>;
  /** Log lines since the last call, as text. */
  takeLog(): readonly string[];
  /** What must never stand in a log. */
  readonly secrets: readonly string[];
  close(): Promise<void>;
}

/** Something that holds for every input did not. */
export class BrokenInvariant extends Error {}

/** Text that stands in bodies, names and labels of the cases; content must not reach a log. */
export const plantedText = "planted-9f3c1a77e2";

/** Waits at most so long; what takes longer hangs. */
export async function within<Value>(work: Promise<Value>, ms: number, what: string): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BrokenInvariant(`${what} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
