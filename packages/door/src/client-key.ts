import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

import { Refusal } from "./refusal.ts";

/** An Ed25519 public key that a client showed. */
export interface ClientKey {
  /** SHA-256 over the key's PEM text, in hex: agentchat ids are its beginnings. */
  readonly hash: string;
  /** SPKI, base64. */
  readonly spki: string;
  /** The key's 32 bytes, base64url: as the mesh writes keys. */
  readonly raw: string;
  readonly key: KeyObject;
}

const pem = /^\s*-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----\s*$/;
/** SPKI of Ed25519 (RFC 8410 section 4) up to the 32 bytes of the key. */
const spkiHead = "302a300506032b6570032100";
const spkiBytes = 44;
const signatureBytes = 64;

/**
 * Reads a public key from PEM. The id is made of the text that agentchat and Node write for the key, so that white space
 * does not make another agent of it. Throws INVALID_MSG that says what to do; never repeats what came.
 */
export function readClientKey(text: string): ClientKey {
  if (text.includes("PRIVATE KEY"))
    throw new Refusal(
      "INVALID_MSG",
      "`pubkey` holds a PRIVATE key. It was not stored, but has travelled: make a new identity, and send only the block BEGIN PUBLIC KEY.",
    );
  const [, label, body] = pem.exec(text) ?? [];
  if (label === "CERTIFICATE")
    throw new Refusal(
      "INVALID_MSG",
      "`pubkey` holds a certificate; send the block BEGIN PUBLIC KEY of the key itself.",
    );
  const der = Buffer.from(body ?? "", "base64");
  if (label !== "PUBLIC KEY" || der.length !== spkiBytes || der.toString("hex", 0, 12) !== spkiHead)
    throw new Refusal("INVALID_MSG", "`pubkey` must be an Ed25519 public key as SPKI in PEM (BEGIN PUBLIC KEY).");
  const spki = der.toString("base64");
  const canonical = `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`;
  return {
    hash: createHash("sha256").update(canonical).digest("hex"),
    spki,
    raw: der.toString("base64url", spkiBytes - 32),
    key: createPublicKey({ key: der, format: "der", type: "spki" }),
  };
}

/**
 * Whether `signature`, base64 of 64 bytes, is the key's over the text's UTF-8 bytes (pure Ed25519, RFC 8032). Never throws. There is one
 * way to write each signature: whoever could write it in another one would pass for somebody who signed once more.
 */
export function isSignedBy({ key }: ClientKey, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== signatureBytes || bytes.toString("base64") !== signature) return false;
  return verify(null, Buffer.from(text, "utf8"), key, bytes);
}
