/** Private halves of a member's encryption key, sealed to its devices (HPKE single shot, RFC 9180 section 6.1). */
import { fromBase64url, ParleyError, toBase64url } from "@parley/protocol";

import { type EncryptionKey, hpkeSuite } from "./hpke.ts";

const encoder = new TextEncoder();
/** PKCS #8 of an X25519 key (RFC 8410 section 7) up to its 32 raw bytes. */
const pkcs8Head = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);
const rawBytes = 32;
const encapsulatedBytes = 32;

/** Whose half it is, and of which key; part of the HPKE info, so that a half opens for nobody and nothing else. */
export interface HalfContext {
  readonly mesh: string;
  readonly member: string;
  readonly device: string;
  readonly kid: string;
}

const infoOf = ({ mesh, member, device, kid }: HalfContext): Uint8Array<ArrayBuffer> =>
  encoder.encode(`parley key half v1:${mesh}:${member}:${device}:${kid}`);

/** The raw private half. Undefined when the key may not leave its place. */
async function rawHalf(key: EncryptionKey): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!key.privateKey.extractable) return undefined;
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key.privateKey));
  return pkcs8.slice(-rawBytes);
}

/**
 * Seals the private half of `key` to a device's sealing key (`seal`, raw, base64url). Throws `forbidden` when the key is
 * not extractable, `invalid_argument` when `seal` is no key.
 */
export async function sealKeyHalf(key: EncryptionKey, seal: string, device: Omit<HalfContext, "kid">): Promise<string> {
  const raw = await rawHalf(key);
  if (raw === undefined)
    throw new ParleyError("forbidden", { message: "This encryption key may not leave its device; make a new one." });
  try {
    const recipientPublicKey = await hpkeSuite.kem.deserializePublicKey(fromBase64url(seal) ?? new Uint8Array());
    const sender = await hpkeSuite.createSenderContext({
      recipientPublicKey,
      info: infoOf({ ...device, kid: key.kid }),
    });
    const sealed = new Uint8Array(await sender.seal(raw));
    const both = new Uint8Array(encapsulatedBytes + sealed.length);
    both.set(new Uint8Array(sender.enc), 0);
    both.set(sealed, encapsulatedBytes);
    return toBase64url(both);
  } catch (cause) {
    throw new ParleyError("invalid_argument", { message: "The sealing key of a device is not valid.", cause });
  } finally {
    raw.fill(0);
  }
}

/**
 * Takes a key out of the half that was sealed to this device. `sealing` is the device's own key pair, `expected` the
 * public half as the signed list names it. Throws `cannot_open` when it is for somebody else or of another key.
 */
export async function openKeyHalf(
  half: string,
  sealing: EncryptionKey,
  device: Omit<HalfContext, "kid">,
  expected: { readonly kid: string; readonly key: string },
  options: { readonly extractable?: boolean } = {},
): Promise<EncryptionKey> {
  try {
    const bytes = fromBase64url(half) ?? new Uint8Array();
    const recipient = await hpkeSuite.createRecipientContext({
      recipientKey: {
        privateKey: sealing.privateKey,
        publicKey: await hpkeSuite.kem.deserializePublicKey(fromBase64url(sealing.publicKey) ?? new Uint8Array()),
      },
      enc: bytes.subarray(0, encapsulatedBytes),
      info: infoOf({ ...device, kid: expected.kid }),
    });
    const raw = new Uint8Array(await recipient.open(bytes.subarray(encapsulatedBytes)));
    return await importHalf(raw, expected, options.extractable ?? true);
  } catch (cause) {
    if (cause instanceof ParleyError) throw cause;
    throw new ParleyError("cannot_open", {
      message: "The half of the encryption key is not sealed to this device.",
      cause,
    });
  }
}

async function importHalf(
  raw: Uint8Array<ArrayBuffer>,
  expected: { readonly kid: string; readonly key: string },
  extractable: boolean,
): Promise<EncryptionKey> {
  const pkcs8 = new Uint8Array(pkcs8Head.length + rawBytes);
  pkcs8.set(pkcs8Head, 0);
  pkcs8.set(raw, pkcs8Head.length);
  try {
    const load = (mayLeave: boolean): Promise<CryptoKey> =>
      crypto.subtle.importKey("pkcs8", pkcs8, { name: "X25519" }, mayLeave, ["deriveBits"]);
    const open = await load(true);
    const publicKey = (await crypto.subtle.exportKey("jwk", open)).x ?? "";
    if (publicKey !== expected.key)
      throw new ParleyError("cannot_open", { message: "The half is of another encryption key than the list names." });
    return { kid: expected.kid, publicKey, privateKey: extractable ? open : await load(false) };
  } finally {
    pkcs8.fill(0);
    raw.fill(0);
  }
}
