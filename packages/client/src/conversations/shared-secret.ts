import { scryptAsync } from "@noble/hashes/scrypt.js";
/**
 * A secret that two members share by another way than the mesh, and which then protects what they say on every path, in
 * the sealed body of each message.
 *
 * A random secret is 32 bytes. A phrase becomes 32 bytes by scrypt (RFC 7914), with a salt that both members can make.
 * Each message has a key of its own, by HKDF-SHA-256 (RFC 5869) from the secret and 32 random bytes, and is sealed with
 * AES-256-GCM; the parties are part of what the key is derived from, so that nothing opens elsewhere or the other way round.
 */
import { type Random, sha256 } from "@parley/core";
import {
  type AnyContent,
  anyContentSchema,
  type Content,
  decodeJson,
  fromBase64url,
  limits,
  ParleyError,
  toBase64url,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";

type SecretKind = "random" | "phrase" | "weak-phrase";

/** The secret of one conversation. */
export interface SharedSecret {
  readonly kind: SecretKind;
  /** 32 bytes in base64url. */
  readonly key: string;
}

/** Who says it to whom, in which mesh. */
export interface SecretParties {
  readonly mesh: string;
  /** Member ids. */
  readonly from: string;
  readonly to: string;
}

type SealedContent = Content & { readonly type: "sealed" };

const prefix = "parley-secret-";
const keyBytes = 32;
const nonce = new Uint8Array(12);
/** 128 MiB and about half a second: what a guess costs an attacker too. */
const scryptCost = { N: 2 ** 17, r: 8, p: 1, dkLen: keyBytes };
/** Guesses, as a power of ten, below which a phrase is called weak: with scrypt some years of one machine. */
const strongGuesses = 12;
const mostPhraseCharacters = 256;
const encoder = new TextEncoder();

/** A new random secret and the text to hand over. */
export function createSecret(random: Random): { readonly secret: SharedSecret; readonly text: string } {
  const key = toBase64url(random.bytes(keyBytes));
  return { secret: { kind: "random", key }, text: `${prefix}${key}` };
}

/** Reads what a person typed: the text of a random secret, or a phrase. Throws `invalid_argument`. */
export async function readSecret(
  text: string,
  mesh: string,
  members: readonly [string, string],
): Promise<SharedSecret> {
  const typed = text.trim().normalize("NFKC");
  if (typed.startsWith(prefix)) {
    const key = typed.slice(prefix.length);
    if (fromBase64url(key)?.length === keyBytes) return { kind: "random", key };
    throw new ParleyError("invalid_argument", { message: "The secret is not complete; copy the whole line." });
  }
  if (typed.length === 0 || typed.length > mostPhraseCharacters)
    throw new ParleyError("invalid_argument", { message: `A phrase has 1 to ${mostPhraseCharacters} characters.` });
  const salt = encoder.encode(`parley secret phrase v1:${mesh}:${members.toSorted().join(":")}`);
  const key = toBase64url(await scryptAsync(encoder.encode(typed), salt, scryptCost));
  return { kind: (await isWeak(typed)) ? "weak-phrase" : "phrase", key };
}

/** The name of a secret on the wire, by which a reader sees that it is another one: it says nothing about the key. */
export async function secretId(secret: SharedSecret): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-secret-id-v1:${secret.key}`)) ?? new Uint8Array(8);
  return toBase64url(hash.subarray(0, 8));
}

export async function sealContent(
  content: Content,
  secret: SharedSecret,
  parties: SecretParties,
  random: Random,
): Promise<SealedContent> {
  const salt = new Uint8Array(random.bytes(32));
  const key = await messageKey(secret, salt, parties, "encrypt");
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, new Uint8Array(bodyOf(content)));
  return {
    type: "sealed",
    secret: await secretId(secret),
    salt: toBase64url(salt),
    box: toBase64url(new Uint8Array(box)),
  };
}

/** Throws `cannot_open` when it was sealed with another secret, or is damaged. */
export async function openContent(
  sealed: SealedContent,
  secret: SharedSecret,
  parties: SecretParties,
): Promise<AnyContent> {
  const salt = fromBase64url(sealed.salt) ?? new Uint8Array();
  const box = fromBase64url(sealed.box) ?? new Uint8Array();
  const key = await messageKey(secret, salt, parties, "decrypt");
  const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, box).catch((cause: unknown) => {
    throw new ParleyError("cannot_open", { message: "It is sealed with another secret than yours.", cause });
  });
  const content = decodeJson(anyContentSchema, textOf(new Uint8Array(opened)), limits.envelopeBytes);
  if (!content.ok) throw new ParleyError(content.code, { message: content.message });
  if (content.value.type === "sealed") throw new ParleyError("invalid_argument", { message: "It is sealed twice." });
  return content.value;
}

async function messageKey(
  secret: SharedSecret,
  salt: Uint8Array<ArrayBuffer>,
  { mesh, from, to }: SecretParties,
  usage: "encrypt" | "decrypt",
): Promise<CryptoKey> {
  const raw = fromBase64url(secret.key) ?? new Uint8Array();
  const input = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveKey"]);
  const info = encoder.encode(`parley secret v1:${mesh}:${from}:${to}`);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt, info },
    input,
    { name: "AES-GCM", length: 256 },
    false,
    [usage],
  );
}

/** The dictionaries are large and seldom needed: loaded when somebody sets a phrase. */
async function isWeak(phrase: string): Promise<boolean> {
  const [{ ZxcvbnFactory }, common] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
  ]);
  const estimate = new ZxcvbnFactory({ dictionary: common.dictionary, graphs: common.adjacencyGraphs }).check(phrase);
  return estimate.guessesLog10 < strongGuesses;
}
