import { parseArgs } from "node:util";

/** What a run of the simulation was asked for. */
export interface SimOptions {
  /** This seed alone. */
  readonly seed: number | undefined;
  readonly first: number;
  /** As many seeds, or as many steps, whichever comes first; Infinity for no such end. */
  readonly seeds: number;
  readonly steps: number;
  readonly workers: number;
  readonly trace: boolean;
  readonly json: boolean;
}

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** Reads the words after the command; throws an Error with one sentence when they are wrong. */
export function readSimOptions(args: readonly string[]): SimOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: text, seeds: text, first: text, steps: text, workers: text, trace: flag, json: flag },
  });
  const number = (name: "seed" | "seeds" | "first" | "steps" | "workers"): number | undefined => {
    const given = values[name];
    if (given === undefined) return undefined;
    const value = Number(given);
    if (Number.isInteger(value) && value > 0) return value;
    throw new Error(`--${name} takes a whole number above 0`);
  };
  const steps = number("steps");
  return {
    seed: number("seed"),
    first: number("first") ?? 1,
    seeds: number("seeds") ?? (steps === undefined ? 500 : Number.POSITIVE_INFINITY),
    steps: steps ?? Number.POSITIVE_INFINITY,
    workers: number("workers") ?? 2,
    trace: values.trace ?? false,
    json: values.json ?? false,
  };
}
