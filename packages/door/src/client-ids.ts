import { createHash } from "node:crypto";

import type { Random } from "@parley/core";

import type { ClientKey } from "./client-key.ts";

const shortest = 8;
const digits = "0123456789";
const letters = "0123456789abcdefghijklmnopqrstuvwxyz";
const last = "ghijklmnopqrstuvwxyz";

interface KnownKey {
  readonly id: string;
  /** Somebody proved to hold it since the door was opened. */
  proven: boolean;
}

/** Gives ids: to a key the beginning of its hash, longer when another key has that one already; to others by chance. */
export class ClientIds {
  readonly #keys = new Map<string, KnownKey>();
  readonly #byId = new Map<string, string>();
  readonly #random: Random;
  readonly #most: number;
  readonly #isLive: (id: string) => boolean;

  constructor(random: Random, most: number, isLive: (id: string) => boolean) {
    this.#random = random;
    this.#most = most;
    this.#isLive = isLive;
  }

  ofKey({ hash }: ClientKey): string {
    const known = this.#keys.get(hash);
    if (known !== undefined) {
      // The newest are forgotten last.
      this.#keys.delete(hash);
      this.#keys.set(hash, known);
      return known.id;
    }
    if (this.#keys.size >= this.#most) this.#forgetOne();
    let length = shortest;
    while (this.#byId.has(hash.slice(0, length)) && length < hash.length) length++;
    const id = hash.slice(0, length);
    this.#keys.set(hash, { id, proven: false });
    this.#byId.set(id, hash);
    return id;
  }

  /** The same at every connection with the token, while nobody else has it. */
  ofToken(tokenId: string): string {
    const id = spell(createHash("sha256").update(`door-token|${tokenId}`).digest());
    return this.#isLive(id) ? this.byChance() : id;
  }

  byChance(): string {
    for (;;) {
      const id = spell(this.#random.bytes(shortest * 2));
      if (!this.#isLive(id)) return id;
    }
  }

  markProven({ hash }: ClientKey): void {
    const known = this.#keys.get(hash);
    if (known !== undefined) known.proven = true;
  }

  /** Whether whoever only shows the key of this id has less than somebody had before it. */
  wasProven(id: string): boolean {
    const hash = this.#byId.get(id);
    return hash !== undefined && this.#keys.get(hash)?.proven === true;
  }

  /** The oldest that nobody uses; keys that were never proven go first. */
  #forgetOne(): void {
    const idle = [...this.#keys].filter(([, { id }]) => !this.#isLive(id));
    const [hash, known] = idle.find(([, { proven }]) => !proven) ?? idle[0] ?? [];
    if (hash === undefined || known === undefined) return;
    this.#keys.delete(hash);
    this.#byId.delete(known.id);
  }
}

/** Eight characters: a digit, six of any, and one that is no hex digit. Two bytes each keep the choice even enough. */
function spell(bytes: Uint8Array): string {
  return Array.from({ length: shortest }, (_, at) => {
    const alphabet = at === 0 ? digits : at === shortest - 1 ? last : letters;
    return alphabet.charAt(((bytes[at * 2] ?? 0) * 256 + (bytes[at * 2 + 1] ?? 0)) % alphabet.length);
  }).join("");
}
