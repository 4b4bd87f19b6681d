/** Ed25519 keys and the ids made of them, on WebCrypto: the same in Node and the browser. */
import { fromBase64url, ParleyError, toBase64url } from "@parley/protocol";

const algorithm = { name: "Ed25519" } as const;
const encoder = new TextEncoder();

/** SHA-256 of bytes or of a text in UTF-8, in base64url. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** What an id is the hash of: the word keeps a device's id from ever being a member's. */
export type KeyOwner = "member" | "device" | "node" | "invite" | "token";

/** Id of the owner of a key: SHA-256 of a label and the raw public key. */
export function idOfKey(owner: KeyOwner, publicKey: string): Promise<string> {
  return sha256(`parley-${owner}-v1:${publicKey}`);
}

/** Whoever can sign. The private half may be non-extractable. */
export interface Signer {
  /** The id under which others know the key: goes into `kid`. */
  readonly id: string;
  /** Raw public key, 32 bytes in base64url. */
  readonly publicKey: string;
  readonly privateKey: CryptoKey;
}

/** The private key as PKCS #8 (RFC 8410) in base64url: what is written to disk. */
export type StoredKey = string;

async function signerOf(owner: KeyOwner, pair: CryptoKeyPair): Promise<Signer> {
  const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  return { id: await idOfKey(owner, publicKey), publicKey, privateKey: pair.privateKey };
}

/** A new key pair. Extractable by default, because homes keep keys in files. */
export async function createSigner(owner: KeyOwner, options: { extractable?: boolean } = {}): Promise<Signer> {
  const pair = await crypto.subtle.generateKey(algorithm, options.extractable ?? true, ["sign", "verify"]);
  return signerOf(owner, pair);
}

export async function exportSigner(signer: Signer): Promise<StoredKey> {
  return toBase64url(new Uint8Array(await crypto.subtle.exportKey("pkcs8", signer.privateKey)));
}

/** Reads a stored private key and derives the public half. Throws `invalid_argument` when it is not one. */
export async function importSigner(owner: KeyOwner, stored: StoredKey): Promise<Signer> {
  try {
    const pkcs8 = fromBase64url(stored);
    if (pkcs8 === undefined) throw new TypeError("not base64url");
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", privateKey);
    const publicKey = jwk.x ?? "";
    return { id: await idOfKey(owner, publicKey), publicKey, privateKey };
  } catch (cause) {
    throw new ParleyError("invalid_argument", {
      message: "A stored key cannot be read; restore it from a backup.",
      cause,
    });
  }
}

const verifyKeys = new Map<string, Promise<CryptoKey>>();
const mostVerifyKeys = 4096;

/** A raw public key for verifying; imports are remembered. Throws `bad_signature` when it is not a key. */
export function verifyKey(publicKey: string): Promise<CryptoKey> {
  const known = verifyKeys.get(publicKey);
  if (known !== undefined) return known;
  const raw = fromBase64url(publicKey) ?? new Uint8Array();
  const imported = crypto.subtle.importKey("raw", raw, algorithm, true, ["verify"]).catch((cause: unknown) => {
    verifyKeys.delete(publicKey);
    throw new ParleyError("bad_signature", { message: "A public key is not valid.", cause });
  });
  if (verifyKeys.size >= mostVerifyKeys) verifyKeys.delete(verifyKeys.keys().next().value ?? "");
  verifyKeys.set(publicKey, imported);
  return imported;
}

/** Raw signature over bytes; statements use `signStatement` instead. */
export async function signBytes(signer: Signer, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign(algorithm, signer.privateKey, bytes));
}

export async function verifyBytes(
  publicKey: string,
  signature: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify(algorithm, await verifyKey(publicKey), signature, bytes);
}
