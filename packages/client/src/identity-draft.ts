import { createEncryptionKey, createSigner, sealKeyHalf, signStatement } from "@parley/core";
import { limits, ParleyError, type Statement } from "@parley/protocol";

import type { Identity } from "./identity.ts";
import { type RingKey, sealOlderKeys } from "./key-ring.ts";

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

/** A new member with one device: fresh root, device, sealing and encryption keys. */
export async function createIdentityDraft(options: IdentityDraftOptions): Promise<IdentityDraft> {
  const extractable = options.extractable ?? true;
  const [root, device, sealing, encryptionKey] = await Promise.all([
    createSigner("member", { extractable }),
    createSigner("device", { extractable }),
    createEncryptionKey({ extractable }),
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
    sealing,
    label: options.label,
    encryptionKeys: [encryptionKey],
  };
}

type ListedDevices = Statement<"devices">["devices"];
type ListedDevice = ListedDevices[number];

export interface DeviceListOptions {
  readonly mesh: string;
  /** Number of the list: above every one published before. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** All devices; halves that they carry are made anew. */
  readonly devices: readonly ListedDevice[];
  /** The member's encryption key. */
  readonly encryption: RingKey;
  /** Those before it, oldest first, as far as they may be handed on. Default none. */
  readonly older?: readonly RingKey[];
}

const noRoot = (): ParleyError =>
  new ParleyError("forbidden", {
    message: "This device does not hold the member's root key, so it cannot certify devices.",
  });

/**
 * Signs a device list with the member's root key, with the private half of the encryption key sealed to every device that
 * has a sealing key. Throws `forbidden` on a device that does not hold the root key, `limit_reached` beyond `limits.devices`.
 */
export async function signDeviceList(
  identity: Pick<Identity, "root" | "member">,
  options: DeviceListOptions,
): Promise<string> {
  const { mesh, number, now, devices, encryption, older = [] } = options;
  const { root, member } = identity;
  if (root === undefined) throw noRoot();
  if (devices.length > limits.devices)
    throw new ParleyError("limit_reached", {
      message: `A member has at most ${limits.devices} devices; remove one with \`parley device remove\`.`,
    });
  const { key, since } = encryption;
  const withHalf = async ({ half: _before, ...listed }: ListedDevice): Promise<ListedDevice> => {
    // A key that may not leave its place is the only device's own, and needs no half.
    if (listed.seal === undefined || !key.privateKey.extractable) return listed;
    return { ...listed, half: await sealKeyHalf(key, listed.seal, { mesh, member, device: listed.device }) };
  };
  const sealed = await sealOlderKeys(older, encryption, { mesh, member }, now);
  return signStatement(
    "devices",
    {
      mesh,
      member,
      number,
      devices: await Promise.all(devices.map(withHalf)),
      encryption: { kid: key.kid, key: key.publicKey, since, ...(sealed.length === 0 ? {} : { older: sealed }) },
      iat: now,
    },
    root,
  );
}

/** This device as its member lists it. */
export function listedDeviceOf(draft: Pick<Identity, "device" | "label" | "sealing">, since: number): ListedDevice {
  const { device, label, sealing } = draft;
  const seal = sealing === undefined ? {} : { seal: sealing.publicKey };
  return { device: device.id, key: device.publicKey, label, since, ...seal };
}

export interface CertifyOptions {
  readonly mesh: string;
  /** Number of the list: above every one published before. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Signs the first device list of a new member. Throws `forbidden` on a device that does not hold the root key. */
export async function certifyDevice(draft: IdentityDraft, options: CertifyOptions): Promise<Identity> {
  const { mesh, number, now } = options;
  const key = draft.encryptionKeys.at(-1);
  if (key === undefined) throw noRoot();
  const devices = await signDeviceList(draft, {
    mesh,
    number,
    now,
    devices: [listedDeviceOf(draft, now)],
    encryption: { key, since: now },
  });
  return { ...draft, devices };
}
