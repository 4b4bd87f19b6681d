/** What one member used in the last hour and in the last day: sums in buckets, so that old use goes bit by bit. */
import type { Budget } from "@parley/protocol";
import { z } from "zod";

export const usageKinds = ["messages", "tokens", "money"] as const;
export type UsageKind = (typeof usageKinds)[number];
/** How much of each. */
export type Used = Readonly<Record<UsageKind, number>>;
export type UsagePeriod = "hour" | "day";

interface Bucket extends Record<UsageKind, number> {
  /** Number of the bucket since 1970. */
  readonly at: number;
}

/** Size of a bucket, and how many make the period, in ms. */
const periods = {
  hour: { bucketMs: 300_000, lengthMs: 3_600_000 },
  day: { bucketMs: 3_600_000, lengthMs: 86_400_000 },
} as const;

const nothing: Used = { messages: 0, tokens: 0, money: 0 };
const most = Number.MAX_SAFE_INTEGER;

const count = z.int().min(0);
const bucketSchema = z.object({ at: count, messages: count, tokens: count, money: count });
/** As it is written down. */
export const usageWindowsSchema = z.object({
  hour: z.array(bucketSchema).max(periods.hour.lengthMs / periods.hour.bucketMs + 1),
  day: z.array(bucketSchema).max(periods.day.lengthMs / periods.day.bucketMs + 1),
});

/** A budget that is exceeded, or about to be. */
export interface OverBudget {
  readonly kind: UsageKind;
  readonly period: UsagePeriod;
  readonly limit: number;
  readonly used: number;
  /** When enough of it is older than the period, ms since 1970. */
  readonly until: number;
}

export class UsageWindows {
  readonly #buckets: { readonly [Period in UsagePeriod]: Bucket[] };

  constructor(held: z.infer<typeof usageWindowsSchema> = { hour: [], day: [] }) {
    this.#buckets = { hour: held.hour.map((one) => ({ ...one })), day: held.day.map((one) => ({ ...one })) };
  }

  add(used: Partial<Used>, now: number): void {
    for (const period of ["hour", "day"] as const) {
      const { bucketMs } = periods[period];
      const buckets = this.#trimmed(period, now);
      const at = Math.floor(now / bucketMs);
      let last = buckets.at(-1);
      // A clock that was set back adds to the newest bucket: nothing is forgotten for it.
      if (last === undefined || last.at < at) buckets.push((last = { at, ...nothing }));
      for (const kind of usageKinds) last[kind] = Math.min(most, last[kind] + (used[kind] ?? 0));
    }
  }

  used(period: UsagePeriod, now: number): Used {
    const sum = { ...nothing };
    for (const bucket of this.#trimmed(period, now)) for (const kind of usageKinds) sum[kind] += bucket[kind];
    return sum;
  }

  /**
   * The budget that keeps the member off longest; undefined when none is exceeded. With `next`, what would be exceeded by so much
   * more: a member stops by itself before others have to hold it off.
   */
  over(budgets: readonly Budget[], now: number, next = 0): OverBudget | undefined {
    let longest: OverBudget | undefined;
    for (const budget of budgets)
      for (const kind of usageKinds)
        for (const period of ["hour", "day"] as const) {
          const limit = budget[kind]?.[period];
          const over = limit === undefined ? undefined : this.#overLimit(kind, period, limit, { now, next });
          if (over !== undefined && over.until > (longest?.until ?? 0)) longest = over;
        }
    return longest;
  }

  isEmpty(now: number): boolean {
    return this.#trimmed("day", now).length === 0;
  }

  toJSON(): z.infer<typeof usageWindowsSchema> {
    return this.#buckets;
  }

  #overLimit(
    kind: UsageKind,
    period: UsagePeriod,
    limit: number,
    { now, next }: { readonly now: number; readonly next: number },
  ): OverBudget | undefined {
    const { bucketMs, lengthMs } = periods[period];
    const used = this.used(period, now)[kind];
    if (used + next <= limit) return undefined;
    let left = used;
    let until = now + lengthMs;
    for (const bucket of this.#trimmed(period, now)) {
      left -= bucket[kind];
      if (left + next > limit) continue;
      until = bucket.at * bucketMs + lengthMs;
      break;
    }
    return { kind, period, limit, used, until };
  }

  /** Without what is older than the period. */
  #trimmed(period: UsagePeriod, now: number): Bucket[] {
    const { bucketMs, lengthMs } = periods[period];
    const buckets = this.#buckets[period];
    const first = Math.floor((now - lengthMs) / bucketMs);
    while (buckets[0] !== undefined && buckets[0].at <= first) buckets.shift();
    return buckets;
  }
}

/** The smallest limit of several budgets; undefined where there is none. */
export function limitOf(budgets: readonly Budget[], kind: UsageKind, period: UsagePeriod): number | undefined {
  const limits = budgets.flatMap((budget) => budget[kind]?.[period] ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}
