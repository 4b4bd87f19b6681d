/** Suite 1 of HPKE (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, exporter only. */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { fromBase64url, ParleyError, toBase64url } from "@parley/protocol";

import { sha256 } from "../trust/keys.ts";

/** For this folder: whoever seals elsewhere uses what is made of it. */
export const hpkeSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const encoder = new TextEncoder();
const exporterLabel = encoder.encode("parley frame key v1");
const keyBytes = 32;

/** A member's encryption key pair. */
export interface EncryptionKey {
  /** First 8 bytes of the SHA-256 of the public key, in base64url. */
  readonly kid: string;
  /** Raw public key, 32 bytes in base64url. */
  readonly publicKey: string;
  readonly privateKey: CryptoKey;
}

/** Who a sealed context is between; part of the HPKE info, so that a frame opens for nobody and nowhere else. */
export interface SealContext {
  readonly mesh: string;
  readonly fromMember: string;
  readonly fromDevice: string;
  readonly toMember: string;
  /** What it is for: what is sealed for one use opens for no other. Default: frames. */
  readonly use?: string;
}

const infoOf = ({
  mesh,
  fromMember,
  fromDevice,
  toMember,
  use = "parley seal v1",
}: SealContext): Uint8Array<ArrayBuffer> => encoder.encode(`${use}:${mesh}:${fromMember}:${fromDevice}:${toMember}`);

async function kidOf(publicKey: string): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-encryption-v1:${publicKey}`)) ?? new Uint8Array(8);
  return toBase64url(hash.subarray(0, 8));
}

/** A new X25519 key pair. */
export async function createEncryptionKey(options: { extractable?: boolean } = {}): Promise<EncryptionKey> {
  const pair = await crypto.subtle.generateKey({ name: "X25519" }, options.extractable ?? true, ["deriveBits"]);
  const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  return { kid: await kidOf(publicKey), publicKey, privateKey: pair.privateKey };
}

/** PKCS #8 in base64url, for a home's file. */
export async function exportEncryptionKey(key: EncryptionKey): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.exportKey("pkcs8", key.privateKey)));
}

export async function importEncryptionKey(stored: string): Promise<EncryptionKey> {
  try {
    const privateKey = await crypto.subtle.importKey(
      "pkcs8",
      fromBase64url(stored) ?? new Uint8Array(),
      { name: "X25519" },
      true,
      ["deriveBits"],
    );
    const publicKey = (await crypto.subtle.exportKey("jwk", privateKey)).x ?? "";
    return { kid: await kidOf(publicKey), publicKey, privateKey };
  } catch (cause) {
    throw new ParleyError("invalid_argument", {
      message: "A stored encryption key cannot be read; restore it from a backup.",
      cause,
    });
  }
}

async function frameKey(exported: ArrayBuffer, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", exported, "AES-GCM", false, [usage]);
}

/**
 * Sets up a context towards a member: the encapsulated key that goes with every frame, and the key of the frames.
 * Throws `invalid_argument` when the public key is none: the member chose it, so it may be anything.
 */
export async function setUpSender(
  context: SealContext,
  publicKey: string,
): Promise<{ encapsulated: Uint8Array; key: CryptoKey }> {
  try {
    const recipientPublicKey = await hpkeSuite.kem.deserializePublicKey(fromBase64url(publicKey) ?? new Uint8Array());
    const sender = await hpkeSuite.createSenderContext({ recipientPublicKey, info: infoOf(context) });
    return {
      encapsulated: new Uint8Array(sender.enc),
      key: await frameKey(await sender.export(exporterLabel, keyBytes), "encrypt"),
    };
  } catch (cause) {
    throw new ParleyError("invalid_argument", { message: "The encryption key of the recipient is not valid.", cause });
  }
}

/** The other side of `setUpSender`. Throws `cannot_open` when the encapsulated key is not valid. */
export async function setUpRecipient(
  context: SealContext,
  own: EncryptionKey,
  encapsulated: Uint8Array,
): Promise<CryptoKey> {
  try {
    const recipientKey = {
      privateKey: own.privateKey,
      publicKey: await hpkeSuite.kem.deserializePublicKey(fromBase64url(own.publicKey) ?? new Uint8Array()),
    };
    const recipient = await hpkeSuite.createRecipientContext({
      recipientKey,
      enc: encapsulated,
      info: infoOf(context),
    });
    return await frameKey(await recipient.export(exporterLabel, keyBytes), "decrypt");
  } catch (cause) {
    throw new ParleyError("cannot_open", { cause });
  }
}

/** Nonce of the n-th frame under one key: the counter, never used twice because a context never outlives its process. */
export function frameNonce(counter: number): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter));
  return nonce;
}
