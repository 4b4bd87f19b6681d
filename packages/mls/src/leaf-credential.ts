import type { GroupDevice } from "@parley/core";
import { fromBase64url, ParleyError, toBase64url } from "@parley/protocol";
import type { Credential } from "ts-mls";

/**
 * The identity of a basic credential (RFC 9420 section 5.3): one byte of form, the member's id, the device's id (32 bytes each) and the
 * device's signature over the leaf's key.
 */
export interface LeafIdentity extends GroupDevice {
  readonly certificate: Uint8Array<ArrayBuffer>;
}

const form = 1;
const idBytes = 32;
const certificateBytes = 64;
const identityBytes = 1 + 2 * idBytes + certificateBytes;
/** Keeps the signature from being one over anything else. */
const certificateLabel = new TextEncoder().encode("parley-mls-leaf-v1\0");

/** An id as its 32 bytes. Throws `invalid_argument`. */
export function bytesOfId(id: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64url(id);
  if (bytes?.length !== idBytes) throw new ParleyError("invalid_argument", { message: "An id is not 32 bytes." });
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What a device signs to make a leaf's key its own: bound to the mesh, the member and the device. */
export function certifiedBytes(
  mesh: string,
  { member, device }: GroupDevice,
  leafKey: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return joined(certificateLabel, bytesOfId(mesh), bytesOfId(member), bytesOfId(device), leafKey);
}

export function credentialOf({ member, device, certificate }: LeafIdentity): Credential {
  const identity = joined(Uint8Array.of(form), bytesOfId(member), bytesOfId(device), certificate);
  return { credentialType: "basic", identity };
}

/** Who a credential says it is, not checked. Throws `malformed_frame`. */
export function readCredential(credential: Credential): LeafIdentity {
  if (credential.credentialType !== "basic" || credential.identity.length !== identityBytes)
    throw new ParleyError("malformed_frame", { message: "A leaf of a group has no credential of ours." });
  const { identity } = credential;
  if (identity[0] !== form)
    throw new ParleyError("malformed_frame", { message: "A leaf's credential has an unknown form." });
  return {
    member: toBase64url(identity.subarray(1, 1 + idBytes)),
    device: toBase64url(identity.subarray(1 + idBytes, 1 + 2 * idBytes)),
    certificate: identity.slice(1 + 2 * idBytes),
  };
}
