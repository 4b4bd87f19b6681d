import { fromBase64url } from "@parley/protocol";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { sha256 } from "./keys.ts";

const wordCount = 6;

/**
 * Six words (66 bits) over the mesh, its operator set and the joining member. Whoever pairs with a code compares them
 * with the operator's: they differ when the registry shows either side another mesh, set or key.
 */
export async function comparisonWords(mesh: string, operatorsHash: string, member: string): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-words-v1:${mesh}:${operatorsHash}:${member}`)) ?? new Uint8Array(32);
  let bits = 0n;
  for (const byte of hash.subarray(0, 9)) bits = (bits << 8n) | BigInt(byte);
  const words: string[] = [];
  for (let index = 0; index < wordCount; index++) {
    words.push(wordlist[Number(bits & 2047n)] ?? "");
    bits >>= 11n;
  }
  return words.join(" ");
}
