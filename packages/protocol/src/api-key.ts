/**
 * API keys: what a script shows to the HTTP API. The text is `pak_<id>_<secret><check>`, all in base62, so that a scanner
 * of sources knows one when it meets one: `check` is the CRC-32 of all before it.
 */
import { z } from "zod";

import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";

/** What an API key may be for. A route of the table names the one that it needs. */
export const apiScopeSchema = z.enum(["directory:read", "channels:read", "metrics:read", "blobs:read", "blobs:write"]);
export type ApiScope = z.infer<typeof apiScopeSchema>;

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const idCharacters = 12;
/** 190 bits. */
const secretCharacters = 32;
const checkCharacters = 6;

/** Matches an API key wherever it stands in a text. Its `check` may still be wrong. */
export const apiKeyPattern = /\bpak_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}\b/;

/** The id of an API key: 71 random bits, no secret. */
export const apiKeyIdSchema = z.string().regex(/^[0-9A-Za-z]{12}$/, "is not the id of an API key");

const time = z
  .int()
  .min(0)
  .max(2 ** 47);

/** An IPv4 or IPv6 address, or a range of them (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export const addressRangeSchema = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/** What is known of an API key besides its secret. */
export const apiKeySchema = z.strictObject({
  key: apiKeyIdSchema,
  name: labelSchema,
  scopes: z.array(apiScopeSchema).min(1).max(apiScopeSchema.options.length),
  /** Addresses that it is good from; absent for any. */
  addresses: z.array(addressRangeSchema).min(1).max(limits.apiKeyAddresses).optional(),
  created: time,
  expires: time,
  /** When it was last used, to within a minute or so; absent when it never was. */
  used: time.optional(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** The two parts of an API key that fits its check. */
export interface ApiKeyParts {
  readonly id: string;
  readonly secret: string;
}

/** A new API key. `bytes` gives as many random bytes as it is asked for. */
export function makeApiKey(bytes: (count: number) => Uint8Array): ApiKeyParts & { readonly text: string } {
  const id = randomText(idCharacters, bytes);
  const secret = randomText(secretCharacters, bytes);
  const body = `pak_${id}_${secret}`;
  return { id, secret, text: body + checkOf(body) };
}

/** Reads an API key. Undefined for anything else: a part of one, one with a letter changed, another kind of secret. */
export function parseApiKey(text: string): ApiKeyParts | undefined {
  const end = text.length - checkCharacters;
  const body = text.slice(0, end);
  if (apiKeyPattern.exec(text)?.[0] !== text || checkOf(body) !== text.slice(end)) return undefined;
  const [, id = "", secret = ""] = body.split("_");
  return { id, secret };
}

/** Each character as likely as any other: bytes above the last whole multiple of 62 are passed over. */
function randomText(characters: number, bytes: (count: number) => Uint8Array): string {
  let text = "";
  while (text.length < characters)
    for (const byte of bytes(characters))
      if (byte < 248 && text.length < characters) text += alphabet.charAt(byte % alphabet.length);
  return text;
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let digits = "";
  for (let place = 0; place < checkCharacters; place++) {
    digits = alphabet.charAt(rest % alphabet.length) + digits;
    rest = Math.floor(rest / alphabet.length);
  }
  return digits;
}

/** CRC-32 (ISO/IEC 8802-3) of a text in ASCII. */
function crc32(text: string): number {
  let crc = 0xff_ff_ff_ff;
  for (let at = 0; at < text.length; at++) {
    crc ^= text.charCodeAt(at);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xed_b8_83_20 : 0);
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}
