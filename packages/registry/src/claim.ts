import { timingSafeEqual } from "node:crypto";

import { type Random, sha256 } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";

/** The one-time secret that lets whoever holds it claim a new mesh. Lives in memory; each start makes another. */
export class ClaimSecret {
  readonly #random: Random;
  #secret: string | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Undefined once the mesh is claimed. */
  get value(): string | undefined {
    return this.#secret;
  }

  open(): void {
    this.#secret = toBase64url(this.#random.bytes(16));
  }

  spend(): void {
    this.#secret = undefined;
  }

  /** Throws `already_claimed` or `unauthenticated`. Takes the same time whatever is wrong. */
  async check(offered: string): Promise<void> {
    if (this.#secret === undefined) throw new ParleyError("already_claimed");
    const [own, theirs] = await Promise.all([sha256(this.#secret), sha256(offered)]);
    if (timingSafeEqual(Buffer.from(own), Buffer.from(theirs))) return;
    throw new ParleyError("unauthenticated", {
      message: "This is not the one-time secret that the registry printed at its last start.",
    });
  }
}
