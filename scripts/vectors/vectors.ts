import { sha256 } from "@parley/core";

import { frameVectors } from "./frames.ts";
import { fixedSigners } from "./identities.ts";
import { inviteLinkVectors } from "./invite-links.ts";
import { messageVectors } from "./messages.ts";
import { postVectors } from "./posts.ts";
import { routedFrameVectors } from "./routed-frames.ts";
import { sealedFrameVectors } from "./sealed-frames.ts";
import { invalidStatements, validStatements } from "./statements.ts";

/** The test vectors by file name, as values. The same on every run. */
export async function makeVectors(): Promise<Readonly<Record<string, object>>> {
  const signers = await fixedSigners();
  const statements = await validStatements(signers);
  const keys = Object.entries(signers).map(([name, { owner, seed, publicKey, id }]) => [name, { owner, seed, publicKey, id }] as const);
  return {
    "frames.json": frameVectors(),
    "routed-frames.json": routedFrameVectors(),
    "posts.json": postVectors(),
    "sealed-frames.json": await sealedFrameVectors(signers),
    "statements.json": {
      mesh: await sha256(statements.genesis.compact),
      keys: Object.fromEntries(keys),
      valid: Object.values(statements),
      invalid: await invalidStatements(signers, statements),
    },
    "invite-links.json": inviteLinkVectors(),
    "session-messages.json": messageVectors(signers, statements),
  };
}
