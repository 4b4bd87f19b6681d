import { fromBase64url } from "@parley/protocol";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { sha256 } from "./keys.ts";

/**
 * Six words (66 bits) over the mesh, its operator set and the joining member. Whoever pairs with a code compares them
 * with the operator's: they differ when the registry shows either side another mesh, set or key.
 */
export async function comparisonWords(mesh: string, operatorsHash: string, member: string): Promise<string> {
  return (await wordsOf(`parley-words-v1:${mesh}:${operatorsHash}:${member}`, 6)).join(" ");
}

/**
 * Twelve words (132 bits) over two members, the same on both sides, for them to compare by voice or in person. They stay when
 * a key is rotated, since a member's id is the hash of its first key, and change when somebody else has the name.
 */
export function safetyWords(mesh: string, members: readonly [string, string]): Promise<readonly string[]> {
  return wordsOf(`parley-safety-words-v1:${mesh}:${members.toSorted().join(":")}`, 12);
}

/** Eleven bits of the hash of a text for each word, from the lowest of so many leading bytes. */
async function wordsOf(text: string, count: number): Promise<readonly string[]> {
  const hash = fromBase64url(await sha256(text)) ?? new Uint8Array(32);
  let bits = 0n;
  for (const byte of hash.subarray(0, Math.ceil((count * 11) / 8))) bits = (bits << 8n) | BigInt(byte);
  return Array.from({ length: count }, (_, index) => wordlist[Number((bits >> BigInt(index * 11)) & 2047n)] ?? "");
}
