/**
 * How much of what one member reports of another counts. Nobody can prove what it took, so one reporter alone never uses up
 * another's budget: of each limit at most half, and one, counts by its word. What is beyond is held off by the reporter itself, which counts
 * in full what it takes.
 */
import { limitOf, type UsagePeriod } from "@parley/core";
import { type Budget, limits, type MemberKind } from "@parley/protocol";

interface Share {
  readonly since: { hour: number; day: number };
  readonly counted: { hour: number; day: number };
  /** What each device of a person reported in this day: all of them take the same messages. */
  readonly byDevice: Map<string, number>;
  most: number;
}

/** Who reports: by which of its devices. */
export interface Reporter {
  readonly member: string;
  readonly device: string;
  /** Persons take every message on each of their devices, agents on one of them. */
  readonly kind: MemberKind;
}

const lengthMs: Readonly<Record<UsagePeriod, number>> = { hour: 3_600_000, day: 86_400_000 };
/** Pairs that are remembered, those that came first forgotten first. */
const mostPairs = 20_000;

export class ReportShares {
  readonly #shares = new Map<string, Share>();

  /** How many of so many reported messages count. */
  take(reporter: Reporter, member: string, messages: number, budgets: readonly Budget[], now: number): number {
    const share = this.#share(`${reporter.member}:${member}`, now);
    let counts = reporter.kind === "person" ? newsOf(share, reporter.device, messages) : messages;
    for (const period of ["hour", "day"] as const) {
      const limit = limitOf(budgets, "messages", period);
      if (limit === undefined) continue;
      counts = Math.min(counts, Math.max(0, Math.floor(limit / 2) + 1 - share.counted[period]));
    }
    for (const period of ["hour", "day"] as const) share.counted[period] += counts;
    return counts;
  }

  /** Those whose word counts most for a member in this hour. */
  reportersOf(member: string, most: number, now: number): readonly { member: string; messages: number }[] {
    const found: { member: string; messages: number }[] = [];
    for (const [key, { since, counted }] of this.#shares) {
      const [reporter = "", subject] = key.split(":");
      if (subject === member && counted.hour > 0 && now - since.hour < lengthMs.hour)
        found.push({ member: reporter, messages: counted.hour });
    }
    return found.toSorted((a, b) => b.messages - a.messages).slice(0, most);
  }

  #share(key: string, now: number): Share {
    const known = this.#shares.get(key);
    if (known === undefined) {
      if (this.#shares.size >= mostPairs) this.#shares.delete(this.#shares.keys().next().value ?? "");
      const share: Share = {
        since: { hour: now, day: now },
        counted: { hour: 0, day: 0 },
        byDevice: new Map(),
        most: 0,
      };
      this.#shares.set(key, share);
      return share;
    }
    for (const period of ["hour", "day"] as const)
      if (now - known.since[period] >= lengthMs[period]) {
        known.since[period] = now;
        known.counted[period] = 0;
        if (period === "day") known.byDevice.clear();
        if (period === "day") known.most = 0;
      }
    return known;
  }
}

/** What of a device's report no other device of the same person reported before. */
function newsOf(share: Share, device: string, messages: number): number {
  const total = (share.byDevice.get(device) ?? 0) + messages;
  if (share.byDevice.has(device) || share.byDevice.size < limits.devices) share.byDevice.set(device, total);
  const news = Math.max(0, total - share.most);
  share.most = Math.max(share.most, total);
  return news;
}
