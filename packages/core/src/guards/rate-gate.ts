/** Token buckets by name, so many at most: how fast something may come, from each and in all. */
import { TokenBucket } from "./token-bucket.ts";

export interface RateGateOptions {
  /** How many a minute, and how many at once after a pause. */
  readonly perMinute: number;
  /** Names that are remembered; the one that was quiet longest gives way, and begins full when it comes again. Default 4096. */
  readonly most?: number;
}

const defaultMost = 4096;

export class RateGate {
  readonly #perMinute: number;
  readonly #most: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor({ perMinute, most = defaultMost }: RateGateOptions) {
    this.#perMinute = perMinute;
    this.#most = most;
  }

  /** Milliseconds until one more of this name may come; 0 for now. `now` is of a clock that never goes back. */
  waitMs(name: string, now: number): number {
    return this.#bucket(name, now).waitMs(now);
  }

  /** Counts one; false when it is too many. */
  take(name: string, now: number): boolean {
    return this.#bucket(name, now).take(now);
  }

  #bucket(name: string, now: number): TokenBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) {
      this.#buckets.delete(name);
      this.#buckets.set(name, known);
      return known;
    }
    if (this.#buckets.size >= this.#most) this.#buckets.delete(this.#buckets.keys().next().value ?? "");
    const bucket = new TokenBucket(this.#perMinute / 60, this.#perMinute, now);
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
