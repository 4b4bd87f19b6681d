import { ParleyError } from "@parley/protocol";

import { checkSize, checkWhole } from "../ports/arguments.ts";
import type { PutBlobOptions } from "../ports/blobs.ts";
import { maxBlobBytes } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import { checkStoreName } from "../ports/store-name.ts";

const hashPattern = /^[0-9a-f]{64}$/;

export function checkBlobHash(hash: string): void {
  if (!hashPattern.test(hash)) {
    throw new ParleyError("invalid_argument", { message: "A blob's hash is 64 lower-case hex digits." });
  }
}

/** The content as a private copy, after everything about the call was found right, its hash included. */
export async function checkBlob(
  hash: string,
  content: Uint8Array,
  options: PutBlobOptions,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer>> {
  checkBlobHash(hash);
  checkStoreName("owner", options.owner);
  checkSize("blob", content, maxBlobBytes);
  checkWhole("expiry", options.expiresAt, 0);
  if (options.expiresAt <= clock.now()) throw new ParleyError("expired", { message: "The blob's expiry has passed." });
  // Copied before the hash is taken, so that what was checked is what is kept.
  const copy = new Uint8Array(content);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", copy));
  if (toHex(digest) !== hash) {
    throw new ParleyError("invalid_argument", { message: "The blob's content does not have the hash it was given." });
  }
  return copy;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
