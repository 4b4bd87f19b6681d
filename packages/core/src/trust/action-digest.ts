import { canonicalJson } from "@parley/protocol";

import { sha256 } from "./keys.ts";

/** SHA-256 of the canonical JSON of an action: what an approval of it names. */
export const digestOf = async (action: unknown): Promise<string> => sha256(canonicalJson(action));
