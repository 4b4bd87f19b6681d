import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Capabilities, CiphersuiteImpl, CiphersuiteName, Hash, Kdf } from "ts-mls";
import type { Aead } from "ts-mls/crypto/aead.js";
import { makeGenericHpke } from "ts-mls/crypto/implementation/hpke.js";
import { constantTimeEqual } from "ts-mls/util/constantTimeCompare.js";

import { ed25519 } from "./ed25519.ts";

/** The one cipher suite of our groups (RFC 9420 section 17.1). Another one needs a new group. */
export const suiteName: CiphersuiteName = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

/** What every leaf says it can do: nothing but what we use, because the bytes are in the tree once per device. */
export const capabilities: Capabilities = {
  versions: ["mls10"],
  ciphersuites: [suiteName],
  extensions: [],
  proposals: [],
  credentials: ["basic"],
};

/**
 * A commit at 50 devices derives some 500 keys of 32 bytes. Handing each to WebCrypto's threads costs more than the hash itself, and waits
 * for its turn on a busy machine; so hashes are computed in place. X25519, Ed25519 and AES-GCM are WebCrypto's.
 */
const kdf: Kdf = {
  size: sha256.outputLen,
  extract: (salt, secret) => Promise.resolve(extract(sha256, secret, salt)),
  expand: (secret, info, length) => Promise.resolve(expand(sha256, secret, info, length)),
};
const hash: Hash = {
  digest: (data) => Promise.resolve(sha256(data)),
  mac: (key, data) => Promise.resolve(hmac(sha256, key, data)),
  verifyMac: (key, mac, data) => Promise.resolve(constantTimeEqual(hmac(sha256, key, data), mac)),
};

const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

const aead: Aead = {
  async encrypt(key, nonce, additional, content) {
    const imported = await crypto.subtle.importKey("raw", owned(key), "AES-GCM", false, ["encrypt"]);
    const algorithm = { name: "AES-GCM", iv: owned(nonce), additionalData: owned(additional) };
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, imported, owned(content)));
  },
  async decrypt(key, nonce, additional, sealed) {
    const imported = await crypto.subtle.importKey("raw", owned(key), "AES-GCM", false, ["decrypt"]);
    const algorithm = { name: "AES-GCM", iv: owned(nonce), additionalData: owned(additional) };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, imported, owned(sealed)));
  },
};

async function makeSuite(): Promise<CiphersuiteImpl> {
  const algorithms = { kem: "DHKEM-X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES128GCM" } as const;
  const hpke = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes128Gcm(),
  });
  return {
    name: suiteName,
    hash,
    kdf,
    signature: ed25519,
    hpke: await makeGenericHpke(algorithms, aead, hpke),
    rng: { randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
  };
}

let suite: Promise<CiphersuiteImpl> | undefined;

/** The suite, made of its parts: the library's own way to it brings every other suite into a page's bundle. */
export function loadSuite(): Promise<CiphersuiteImpl> {
  suite ??= makeSuite();
  return suite;
}
