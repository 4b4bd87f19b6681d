import { createEncryptionKey, createSigner, signStatement } from "@parley/core";
import { ParleyError, type Statement } from "@parley/protocol";

import type { Identity } from "./identity.ts";

/** A member's keys before a mesh is known: the signed device list, which names the mesh, is still missing. */
export type IdentityDraft = Omit<Identity, "devices">;

export interface IdentityDraftOptions {
  readonly name: string;
  readonly kind: Identity["kind"];
  /** What the device is called in lists. */
  readonly label: string;
  /** Whether the private keys can be written to a file. Default true. */
  readonly extractable?: boolean;
}

/** A new member with one device: fresh root, device and encryption keys. */
export async function createIdentityDraft(options: IdentityDraftOptions): Promise<IdentityDraft> {
  const extractable = options.extractable ?? true;
  const [root, device, encryptionKey] = await Promise.all([
    createSigner("member", { extractable }),
    createSigner("device", { extractable }),
    createEncryptionKey({ extractable }),
  ]);
  return {
    member: root.id,
    name: options.name,
    kind: options.kind,
    root,
    rootKey: root.publicKey,
    rotations: [],
    device,
    label: options.label,
    encryptionKeys: [encryptionKey],
  };
}

export interface CertifyOptions {
  readonly mesh: string;
  /** Number of the list: above every one published before. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The member's other devices, from the list before. */
  readonly others?: Statement<"devices">["devices"];
  /** When this device was first listed. Default `now`. */
  readonly since?: number;
}

/** Signs the device list of a mesh with the member's root key. Throws `forbidden` on a device that does not hold it. */
export async function certifyDevice(draft: IdentityDraft, options: CertifyOptions): Promise<Identity> {
  const { mesh, number, now, others = [], since = now } = options;
  const encryption = draft.encryptionKeys.at(-1);
  if (draft.root === undefined || encryption === undefined) {
    throw new ParleyError("forbidden", {
      message: "This device does not hold the member's root key, so it cannot certify devices.",
    });
  }
  const own = { device: draft.device.id, key: draft.device.publicKey, label: draft.label, since };
  const devices = await signStatement(
    "devices",
    {
      mesh,
      member: draft.member,
      number,
      devices: [...others.filter((other) => other.device !== own.device), own],
      encryption: { kid: encryption.kid, key: encryption.publicKey },
      iat: now,
    },
    draft.root,
  );
  return { ...draft, devices };
}
