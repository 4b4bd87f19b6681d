import { toBase64url } from "@parley/protocol";

import type { Random } from "./clock.ts";

const epochBytes = 16;

/** A fresh epoch: 16 random bytes as 22 characters of base64url. */
export function makeEpoch(random: Random): string {
  return toBase64url(random.bytes(epochBytes));
}
