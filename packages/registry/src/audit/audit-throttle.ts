/**
 * Keeps a flood out of the audit log: acts that anybody may cause are written down one by one up to a rate, for each of those
 * who cause them and for all without proof; what is beyond it is counted, and written down as one entry now and then.
 */
import type { AuditAct, AuditBy } from "@parley/protocol";

import { TokenBucket } from "../token-bucket.ts";
import type { AuditDraft } from "./audit-log.ts";

/** Entries at once, and one more in so many ms. */
export interface AuditRate {
  readonly burst: number;
  readonly everyMs: number;
}

export interface AuditThrottleOptions {
  /** Stands for several members. */
  readonly node: string;
  readonly monotonic: () => number;
  readonly perAddress: AuditRate;
  readonly addresses: AuditRate;
  readonly perMember: AuditRate;
}

interface Tally {
  readonly act: AuditAct;
  by: AuditBy;
  readonly outcome: string;
  count: number;
  readonly since: number;
  at: number;
}

/** Those remembered at once; beyond it, they share one. */
const mostKeys = 1024;
/** Counts of single members kept until the next flush. */
const mostTallies = 32;

export class AuditThrottle {
  readonly #options: AuditThrottleOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #addresses: TokenBucket;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: AuditThrottleOptions) {
    this.#options = options;
    this.#addresses = this.#bucket(options.addresses);
  }

  /** Whether this one is written down by itself. Else it is counted. */
  take(act: AuditAct, by: AuditBy, draft: AuditDraft): boolean {
    const now = this.#options.monotonic();
    if ("node" in by || "operator" in by) return true;
    if ("address" in by) {
      if (this.#own(`address ${by.address}`, this.#options.perAddress).take(now) && this.#addresses.take(now))
        return true;
    } else if (this.#own(`member ${by.member}`, this.#options.perMember).take(now)) return true;
    this.#count(act, by, draft);
    return false;
  }

  /** What was counted since the last time, as entries. */
  flush(): readonly AuditDraft[] {
    const drafts = [...this.#tallies.values()].map(({ act, by, outcome, count, since, at }): AuditDraft => ({
      act,
      by,
      outcome,
      at,
      count,
      since,
    }));
    this.#tallies.clear();
    return drafts;
  }

  /** Counts of one act are kept by member while there is room; what several did together names none of them. */
  #count(act: AuditAct, by: AuditBy, { at, outcome }: AuditDraft): void {
    const own = "member" in by ? `${act} ${outcome} ${by.member}` : "";
    const isOwn = own !== "" && (this.#tallies.has(own) || this.#tallies.size < mostTallies);
    const key = isOwn ? own : `${act} ${outcome} ${"member" in by ? "members" : "addresses"}`;
    const known = this.#tallies.get(key);
    if (known === undefined) this.#tallies.set(key, { act, by, outcome, count: 1, since: at, at });
    else {
      known.count++;
      known.at = at;
      known.by = this.#common(known.by, by);
    }
  }

  #common(one: AuditBy, other: AuditBy): AuditBy {
    if ("address" in one && "address" in other) return one.address === other.address ? one : { address: "*" };
    if ("member" in one && "member" in other && one.member === other.member)
      return one.device === other.device ? one : { member: one.member };
    return { node: this.#options.node };
  }

  #own(key: string, rate: AuditRate): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket = this.#bucket(rate);
    // The oldest has had the time to fill again, or its owner is one of very many.
    if (this.#buckets.size >= mostKeys) this.#buckets.delete(this.#buckets.keys().next().value ?? "");
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #bucket({ burst, everyMs }: AuditRate): TokenBucket {
    return new TokenBucket(1000 / everyMs, burst, this.#options.monotonic());
  }
}
