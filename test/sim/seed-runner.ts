/** Runs seeds in this process, whose WebCrypto it takes away: a child of `npm run sim`. */
import { SeededRandom } from "@parley/testkit";

import { type Cast, makeCast } from "./cast.ts";
import { installCollections } from "./collections.ts";
import { Coverage } from "./coverage.ts";
import { installFakeCrypto } from "./fake-subtle.ts";
import { runScenario, type ScenarioResult } from "./scenario.ts";
import type { TraceLine } from "./scheduler.ts";

/** Seeds to run, one after the other. */
export interface SeedBatch {
  readonly first: number;
  readonly count: number;
}

export interface FailedSeed {
  readonly seed: number;
  readonly step: number;
  readonly message: string;
  readonly stack: string;
  /** The last things that happened. */
  readonly last: readonly string[];
}

export interface BatchResult extends SeedBatch {
  readonly steps: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failed: readonly FailedSeed[];
  /** Trace hash of the first seed. */
  readonly hash: string;
}

const shownLines = 60;
/** Every so many seeds one is longer than the others, by as much. */
const longEvery = 50;
const longLength = 6;
const dull = /(?: |^)(?:timer|soon|plan|mend)$/;

export const showLine = ({ step, time, text }: TraceLine): string => `${step} ${time.toFixed(2)} ${text}`;

/** The cast, with the fake WebCrypto in place. Once per process. */
export async function prepare(): Promise<Cast> {
  installCollections();
  installFakeCrypto(new SeededRandom(1));
  return makeCast(new SeededRandom(2));
}

/** One seed; `print` hears of every step. */
export function runSeed(
  cast: Cast,
  seed: number,
  coverage: Coverage,
  print?: (line: TraceLine) => void,
): Promise<ScenarioResult> {
  const length = seed % longEvery === 0 ? longLength : 1;
  return runScenario({ seed, cast, coverage, length, ...(print === undefined ? {} : { print }) });
}

export async function runBatch(cast: Cast, { first, count }: SeedBatch): Promise<BatchResult> {
  const coverage = new Coverage();
  const failed: FailedSeed[] = [];
  let steps = 0;
  let hash = "";
  for (let seed = first; seed < first + count; seed++) {
    const result = await runSeed(cast, seed, coverage);
    steps += result.steps;
    if (seed === first) hash = result.hash;
    if (result.error !== undefined) failed.push(describe(result, result.error));
  }
  return { first, count, steps, counts: coverage.counts, failed, hash };
}

function describe({ seed, steps, lastLines }: ScenarioResult, error: Error): FailedSeed {
  const last = lastLines.filter(({ text }) => !dull.test(text)).slice(-shownLines);
  return { seed, step: steps, message: error.message, stack: error.stack ?? "", last: last.map(showLine) };
}
