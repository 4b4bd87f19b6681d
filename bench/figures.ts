import { ratioOf, type Spread, spreadOf } from "./spread.ts";

/** What a ratio or a figure should be. Reported beside it, never asserted: the machine decides as much as the code. */
export interface Target {
  readonly at: "least" | "most";
  readonly value: number;
}

/** One line of the report. */
export interface Row {
  /** Name in the JSON. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** What Parley is compared with, measured in turn with it. */
  readonly baseline?: { readonly name: string; readonly spread: Spread };
  readonly parley: Spread;
  /** Field of the JSON object that carries the ratio, or the figure itself when there is no baseline. */
  readonly field?: string;
  readonly ratio?: Spread;
  readonly target?: Target;
  readonly note?: string;
}

/** What a measurement gets from the bench. */
export interface Bench {
  /** Bound on each single measurement. */
  readonly seconds: number;
  /** Repetitions; what is compared is measured in turn. */
  readonly rounds: number;
  readonly progress: (text: string) => void;
  readonly record: (row: Row) => void;
  /** An invariant broke: something was lost, came twice or out of order. */
  readonly broken: (what: string) => void;
  /** Something cannot be measured on this machine. */
  readonly leftOut: (what: string) => void;
}

/** One part of the bench, chosen by `--only`. */
export interface Measure {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<void>;
}

interface Comparison {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly baselineName: string;
  readonly baseline: readonly number[];
  readonly parley: readonly number[];
  readonly field?: string;
  readonly target?: Target;
}

/** A row of two measurements that were made in turn. */
export function compared({ baselineName, baseline, parley, ...row }: Comparison): Row {
  const below = spreadOf(baseline);
  const own = spreadOf(parley);
  const ratio = row.field === undefined ? {} : { ratio: ratioOf(own, below) };
  return { ...row, baseline: { name: baselineName, spread: below }, parley: own, ...ratio };
}
