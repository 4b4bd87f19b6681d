import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import {
  type Capabilities,
  type CiphersuiteImpl,
  type CiphersuiteName,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  type Hash,
  type Kdf,
} from "ts-mls";
import { constantTimeEqual } from "ts-mls/util/constantTimeCompare.js";

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
 * for its turn on a busy machine; so hashes are computed in place. Keys of X25519, Ed25519 and AES-GCM are WebCrypto's.
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

let suite: Promise<CiphersuiteImpl> | undefined;

export function loadSuite(): Promise<CiphersuiteImpl> {
  suite ??= getCiphersuiteImpl(getCiphersuiteFromName(suiteName)).then((webCrypto) => ({ ...webCrypto, kdf, hash }));
  return suite;
}
