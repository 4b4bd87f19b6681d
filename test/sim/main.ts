/**
 * `npm run sim`: whole meshes in one process, with a seeded scheduler, clock, network, disks and stores. Options:
 * `--seeds N` (default 500) from `--first N` on (default 1), `--steps N` as many seeds as make that many steps,
 * `--workers N` processes (default 2), `--seed N` one seed again, `--trace` with every step of it, `--json`. Exit 1
 * when an invariant broke, when a seed did not replay, or when, over 500 seeds and more, some kind of fault or
 * transition never happened.
 */
import { fork } from "node:child_process";
import { join } from "node:path";

import { Coverage, expected } from "./coverage.ts";
import { type BatchResult, type FailedSeed, prepare, runSeed, showLine } from "./seed-runner.ts";
import { readSimOptions, type SimOptions } from "./sim-options.ts";

/** Below this many seeds not everything can be expected to happen. */
const seedsForAll = 500;
const batchSeeds = 20;
const mostFailures = 10;
const progressMs = 5000;

function read(): SimOptions {
  try {
    return readSimOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`sim: ${(error as Error).message}\n`);
    process.exit(2);
  }
}

async function runOne(seed: number, { trace, json }: SimOptions): Promise<number> {
  const cast = await prepare();
  const print = trace ? (line: string) => void process.stdout.write(`${line}\n`) : undefined;
  const coverage = new Coverage();
  const result = await runSeed(cast, seed, coverage, print === undefined ? undefined : (line) => print(showLine(line)));
  const { steps, hash, error } = result;
  process.stdout.write(
    json
      ? `${JSON.stringify({ seed, steps, hash, error: error?.message, counts: coverage.counts })}\n`
      : `seed ${seed}: ${steps} steps, trace ${hash}, ${error === undefined ? "all is well" : (error.stack ?? error.message)}\n`,
  );
  return error === undefined ? 0 : 1;
}

interface Run {
  readonly seeds: number;
  readonly steps: number;
  readonly coverage: Coverage;
  readonly failed: readonly FailedSeed[];
  readonly tookMs: number;
  /** Seeds that did not come out the same the second time. */
  readonly unlike: readonly number[];
}

/** Deals batches to the workers until enough was run. */
async function runMany({ first, seeds, steps, workers }: SimOptions): Promise<Run> {
  const started = performance.now();
  const coverage = new Coverage();
  const failed: FailedSeed[] = [];
  const hashes = new Map<number, string>();
  const unlike: number[] = [];
  let next = first;
  let done = 0;
  let doneSteps = 0;
  let shownAt = started;
  const isEnough = (): boolean => failed.length >= mostFailures || doneSteps >= steps || next >= first + seeds;
  const onResult = (result: BatchResult): void => {
    const before = hashes.get(result.first);
    if (before === undefined) hashes.set(result.first, result.hash);
    else if (before !== result.hash) unlike.push(result.first);
    if (before !== undefined) return;
    coverage.add(result.counts);
    failed.push(...result.failed);
    for (const { seed, step, message } of result.failed)
      process.stderr.write(`seed ${seed}, step ${step}: ${message.split("\n", 1)[0] ?? ""}\n`);
    done += result.count;
    doneSteps += result.steps;
    if (performance.now() - shownAt < progressMs) return;
    shownAt = performance.now();
    const rate = Math.round((doneSteps / (shownAt - started)) * 1000);
    process.stderr.write(`${done} seeds, ${doneSteps} steps, ${rate} a second, ${failed.length} failed\n`);
  };
  // The first seeds again, each by whoever ran others in between.
  const again = new Set(Array.from({ length: workers }, (_, index) => first + index * batchSeeds));
  await Promise.all(
    Array.from({ length: workers }, () =>
      drive(() => {
        if (!isEnough()) {
          const batch = { first: next, count: Math.min(batchSeeds, first + seeds - next) };
          next += batch.count;
          return batch;
        }
        const [replayed] = [...again].filter((seed) => hashes.has(seed));
        if (replayed === undefined) return undefined;
        again.delete(replayed);
        return { first: replayed, count: 1 };
      }, onResult),
    ),
  );
  return { seeds: done, steps: doneSteps, coverage, failed, tookMs: performance.now() - started, unlike };
}

/** One worker: gets a batch after the other until there is none. */
function drive(
  next: () => { first: number; count: number } | undefined,
  onResult: (result: BatchResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "child.ts"));
    const deal = (): void => {
      const batch = next();
      if (batch === undefined) child.disconnect();
      else child.send(batch);
    };
    child.on("message", (result: BatchResult) => {
      onResult(result);
      deal();
    });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`a worker ended with ${code ?? "a signal"}`)),
    );
    deal();
  });
}

function describe({ seeds, steps, coverage, failed, tookMs, unlike }: Run, missing: readonly string[]): string {
  const lines = failed.flatMap(({ seed, step, message, last }) => [
    ...last,
    `seed ${seed}, step ${step}: ${message}`,
    `again: npm run sim -- --seed ${seed} --trace`,
    "",
  ]);
  for (const name of Object.keys(coverage.counts).toSorted()) lines.push(`${coverage.counts[name] ?? 0} ${name}`);
  for (const name of missing) lines.push(`never: ${name}`);
  for (const seed of unlike) lines.push(`seed ${seed} did not come out the same the second time`);
  const rate = Math.round((steps / tookMs) * 1000);
  lines.push(
    `${seeds} seeds, ${steps} steps in ${(tookMs / 1000).toFixed(1)} s, ${rate} a second, ${failed.length} failed`,
  );
  return `${lines.join("\n")}\n`;
}

async function main(): Promise<number> {
  const options = read();
  if (options.seed !== undefined) return runOne(options.seed, options);
  const run = await runMany(options);
  const missing = run.seeds >= seedsForAll ? run.coverage.missing(expected) : [];
  const { coverage, ...facts } = run;
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...facts, missing, counts: coverage.counts })}\n` : describe(run, missing),
  );
  return run.failed.length > 0 || missing.length > 0 || run.unlike.length > 0 ? 1 : 0;
}

process.exitCode = await main();
