import { base64urlnopad } from "@scure/base";
import { z } from "zod";

/** A 32-byte hash or key as 43 characters of base64url without padding (RFC 4648 section 5). */
export const id32Schema = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "is not 32 bytes in base64url");

/** A 16-byte nonce as 22 characters of base64url. */
export const id16Schema = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, "is not 16 bytes in base64url");

/** An 8-byte id as 11 characters of base64url. */
export const id8Schema = z.string().regex(/^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/, "is not 8 bytes in base64url");

/** Bytes to base64url without padding. */
export function toBase64url(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}

/** Base64url to bytes; undefined when a character, the length or the padding bits are wrong. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(base64urlnopad.decode(text));
  } catch {
    return undefined;
  }
}
