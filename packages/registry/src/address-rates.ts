import { TokenBucket } from "./token-bucket.ts";

/** Addresses remembered; when there are more, those that asked for nothing lately go, else all of them. */
const mostAddresses = 20_000;
/** Seconds of its rate that an address may ask for at once. */
const burstSeconds = 10;

/** A rate for each address. */
export class AddressRates {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  of(group: string, now: number): TokenBucket {
    const known = this.#buckets.get(group);
    if (known !== undefined) return known;
    if (this.#buckets.size >= mostAddresses) this.#makeRoom(now);
    const bucket = new TokenBucket(this.#perSecond, this.#perSecond * burstSeconds, now);
    this.#buckets.set(group, bucket);
    return bucket;
  }

  #makeRoom(now: number): void {
    for (const [group, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(group);
    if (this.#buckets.size >= mostAddresses) this.#buckets.clear();
  }
}
