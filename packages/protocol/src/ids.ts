import { base64urlnopad } from "@scure/base";
import { z } from "zod";

/** A 32-byte hash or key as 43 characters of base64url without padding (RFC 4648 section 5). */
export const id32Schema = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "is not 32 bytes in base64url");

/** A 16-byte nonce as 22 characters of base64url. */
export const id16Schema = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, "is not 16 bytes in base64url");

/** An 8-byte id as 11 characters of base64url. */
export const id8Schema = z.string().regex(/^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/, "is not 8 bytes in base64url");

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The two characters of every 12 bits: ids are encoded for each frame that a node carries, so it pays to be quick. */
const pairs: readonly string[] = Array.from(
  { length: 4096 },
  (_, bits) => alphabet.charAt(bits >> 6) + alphabet.charAt(bits & 63),
);

/** Bytes to base64url without padding. */
export function toBase64url(bytes: Uint8Array): string {
  const whole = bytes.length - (bytes.length % 3);
  let text = "";
  for (let at = 0; at < whole; at += 3) {
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += (pairs[bits >> 12] ?? "") + (pairs[bits & 4095] ?? "");
  }
  if (whole === bytes.length) return text;
  // One byte left makes two characters, two make three; the bits beyond them are zero.
  const bits = ((bytes[whole] ?? 0) << 10) | ((bytes[whole + 1] ?? 0) << 2);
  return text + (pairs[bits >> 6] ?? "") + (whole + 2 === bytes.length ? alphabet.charAt(bits & 63) : "");
}

/** Base64url to bytes; undefined when a character, the length or the padding bits are wrong. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(base64urlnopad.decode(text));
  } catch {
    return undefined;
  }
}
