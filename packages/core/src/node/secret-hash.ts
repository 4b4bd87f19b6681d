import { scrypt, timingSafeEqual } from "node:crypto";

import { fromBase64url, ParleyError, toBase64url } from "@parley/protocol";
import { z } from "zod";

import type { Random } from "../ports/clock.ts";

/** A secret as it is kept: a salted, memory-hard hash (scrypt, RFC 7914) with its cost. */
export const hashedSecretSchema = z.object({
  salt: z.string(),
  hash: z.string(),
  cost: z
    .int()
    .min(1)
    .max(2 ** 20),
});
export type HashedSecret = z.infer<typeof hashedSecretSchema>;

/** Makes each unit of the cost 1 KiB: 2^15 are 32 MiB and tens of milliseconds. The secrets have 190 random bits; this is for a stolen store. */
const blockSize = 8;
const hashBytes = 32;
const saltBytes = 16;
/** Hashes at a time; more wait, up to the second number: the threads are not ours alone. */
const mostAtOnce = 2;
const mostWaiting = 64;

/** Hashes secrets and compares them, off the event loop, a few at a time. */
export class SecretHasher {
  readonly #random: Random;
  readonly #cost: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(random: Random, cost: number) {
    this.#random = random;
    this.#cost = cost;
  }

  async hash(secret: string): Promise<HashedSecret> {
    const salt = toBase64url(this.#random.bytes(saltBytes));
    return { salt, hash: toBase64url(await this.#derive(secret, salt, this.#cost)), cost: this.#cost };
  }

  /** Whether the secret is the hashed one. For none it does the same work and says no. Throws `rate_limited` when too many wait. */
  async fits(secret: string, hashed: HashedSecret | undefined): Promise<boolean> {
    const { salt, hash, cost } = hashed ?? standIn(this.#cost);
    const derived = await this.#derive(secret, salt, cost);
    const kept = fromBase64url(hash);
    const isSame = timingSafeEqual(derived, kept?.length === hashBytes ? kept : new Uint8Array(hashBytes));
    return isSame && hashed !== undefined;
  }

  async #derive(secret: string, salt: string, N: number): Promise<Buffer> {
    await this.#turn();
    try {
      return await new Promise((resolve, reject) => {
        const options = { N, r: blockSize, p: 1, maxmem: 256 * N * blockSize };
        scrypt(secret, fromBase64url(salt) ?? "", hashBytes, options, (error, key) =>
          error === null ? resolve(key) : reject(error),
        );
      });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= mostAtOnce) {
      if (this.#waiting.length >= mostWaiting)
        throw new ParleyError("rate_limited", { message: "Too many secrets are being checked; wait a moment." });
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    this.#running++;
  }
}

const standIn = (cost: number): HashedSecret => ({ salt: toBase64url(new Uint8Array(saltBytes)), hash: "", cost });
