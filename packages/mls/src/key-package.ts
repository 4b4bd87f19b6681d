import { type GroupDevice, maxKeyPackageBytes, type OwnKeyPackage, type Signer, signBytes } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { KeyPackage, PrivateKeyPackage } from "ts-mls";
import { mapDecoders } from "ts-mls/codec/tlsDecoder.js";
import { contramapBufferEncoders, encode } from "ts-mls/codec/tlsEncoder.js";
import { decodeVarLenData, varLenDataEncoder } from "ts-mls/codec/variableLength.js";
import { decodeKeyPackage, generateKeyPackageWithKey, keyPackageEncoder, verifyKeyPackage } from "ts-mls/keyPackage.js";
import { verifyLeafNodeSignatureKeyPackage } from "ts-mls/leafNode.js";
import { defaultLifetime } from "ts-mls/lifetime.js";

import { guarded, guardedNow } from "./failure.ts";
import { certifiedBytes, credentialOf } from "./leaf-credential.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { capabilities, loadSuite, suiteName } from "./suite.ts";
import { readMessage, writeMessage } from "./wire.ts";

/** A key package with its private keys. */
export interface KeptKeyPackage {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

const encodeKept = encode(
  contramapBufferEncoders(
    [keyPackageEncoder, varLenDataEncoder, varLenDataEncoder, varLenDataEncoder],
    ({ publicPackage, privatePackage }: KeptKeyPackage): [KeyPackage, Uint8Array, Uint8Array, Uint8Array] => [
      publicPackage,
      privatePackage.initPrivateKey,
      privatePackage.hpkePrivateKey,
      privatePackage.signaturePrivateKey,
    ],
  ),
);
const decodeKept = mapDecoders(
  [decodeKeyPackage, decodeVarLenData, decodeVarLenData, decodeVarLenData],
  (publicPackage, initPrivateKey, hpkePrivateKey, signaturePrivateKey): KeptKeyPackage => ({
    publicPackage,
    privatePackage: { initPrivateKey, hpkePrivateKey, signaturePrivateKey },
  }),
);

/** Throws `malformed_frame`. */
export function readKept(secret: Uint8Array): KeptKeyPackage {
  const decoded = guardedNow("malformed_frame", () => decodeKept(secret.slice(), 0));
  if (decoded === undefined || decoded[1] !== secret.length)
    throw new ParleyError("malformed_frame", { message: "A key package that was kept cannot be read." });
  return decoded[0];
}

export interface KeyPackageOwner {
  readonly mesh: string;
  readonly member: string;
  /** The device's own key: certifies the key of the leaf. */
  readonly device: Signer;
}

/**
 * A key package with a leaf key of its own, certified by the device. It does not run out by itself: whether the device may still be added
 * is decided by its member's list, and a clock would be one more thing that can be wrong.
 */
export async function newKeyPackage({ mesh, member, device }: KeyPackageOwner): Promise<KeptKeyPackage> {
  const suite = await loadSuite();
  const leafKey = await suite.signature.keygen();
  const whose = { member, device: device.id };
  const certificate = await signBytes(device, certifiedBytes(mesh, whose, leafKey.publicKey));
  const credential = credentialOf({ ...whose, certificate });
  return generateKeyPackageWithKey(credential, capabilities, defaultLifetime, [], leafKey, suite);
}

export function writeKeyPackage(kept: KeptKeyPackage): OwnKeyPackage {
  const message = { version: "mls10", wireformat: "mls_key_package", keyPackage: kept.publicPackage } as const;
  return {
    keyPackage: writeMessage(message, maxKeyPackageBytes),
    secret: encodeKept(kept) as Uint8Array<ArrayBuffer>,
  };
}

/** A key package of somebody who is about to be added (RFC 9420 section 10.1). Throws `malformed_frame` and `bad_signature`. */
export async function readKeyPackage(
  bytes: Uint8Array,
  trust: LeafTrust,
): Promise<{ readonly keyPackage: KeyPackage; readonly device: GroupDevice }> {
  const { keyPackage } = readMessage("mls_key_package", bytes, maxKeyPackageBytes);
  const { leafNode } = keyPackage;
  if (keyPackage.cipherSuite !== suiteName || keyPackage.extensions.length + leafNode.extensions.length > 0)
    throw new ParleyError("malformed_frame", { message: "A key package is for another kind of group." });
  return guarded("bad_signature", async () => {
    const { signature } = await loadSuite();
    const holds =
      (await verifyKeyPackage(keyPackage, signature)) && (await verifyLeafNodeSignatureKeyPackage(leafNode, signature));
    if (!holds) throw new ParleyError("bad_signature", { message: "A key package's signature does not match." });
    return { keyPackage, device: await trust.check(leafNode.credential, leafNode.signaturePublicKey, "add") };
  });
}
