import {
  type Capabilities,
  type CiphersuiteImpl,
  type CiphersuiteName,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
} from "ts-mls";

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

let suite: Promise<CiphersuiteImpl> | undefined;

/** The suite on WebCrypto. */
export function loadSuite(): Promise<CiphersuiteImpl> {
  suite ??= getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
  return suite;
}
