import { verifyBytes } from "@parley/core";
import { fromBase64url, toBase64url } from "@parley/protocol";
import type { Signature } from "ts-mls";

const algorithm = { name: "Ed25519" } as const;
/** What RFC 8410 puts before the 32 bytes of a private key. */
const privateKeyHeader = Uint8Array.of(0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32);
/** Imported keys, for as long as a state that holds the bytes is in use. */
const imported = new WeakMap<Uint8Array, Promise<CryptoKey>>();

function privateKey(bytes: Uint8Array): Promise<CryptoKey> {
  const known = imported.get(bytes);
  if (known !== undefined) return known;
  const encoded = Uint8Array.of(...privateKeyHeader, ...bytes);
  const key = crypto.subtle.importKey("pkcs8", encoded, algorithm, false, ["sign"]);
  imported.set(bytes, key);
  return key;
}

const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

/** Ed25519 on WebCrypto; private keys are 32 bytes (RFC 8032). */
export const ed25519: Signature = {
  async sign(signKey, message) {
    return new Uint8Array(await crypto.subtle.sign(algorithm, await privateKey(signKey), owned(message)));
  },
  verify: (publicKey, message, signature) => verifyBytes(toBase64url(publicKey), owned(signature), owned(message)),
  async keygen() {
    const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const { d = "", x = "" } = await crypto.subtle.exportKey("jwk", pair.privateKey);
    return { signKey: fromBase64url(d) ?? new Uint8Array(), publicKey: fromBase64url(x) ?? new Uint8Array() };
  },
};
