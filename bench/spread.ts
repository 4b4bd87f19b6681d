/** Several repetitions of one measurement. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly all: readonly number[];
}

/** Value below which a share of the numbers lies; 0 for none. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Spread of at least one number, rounded to `digits` significant ones. */
export function spreadOf(numbers: readonly number[], digits = 4): Spread {
  const all = numbers.map((value) => Number(value.toPrecision(digits)));
  const sorted = all.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
  return { median: Number(median.toPrecision(digits)), min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0, all };
}

/** Quotients of measurements that were made one right after the other, so that what else the machine does cancels out. */
export function ratioOf(above: Spread, below: Spread): Spread {
  return spreadOf(
    above.all.map((value, round) => value / (below.all[round] ?? value)),
    3,
  );
}
