/**
 * The encryption keys of a member as a device list brings them: the current one sealed to each device, those before it
 * sealed to the current one. So a device that slept through several changes, and one that is new, can open what was sealed
 * to any of them and still waits.
 */
import { type EncryptionKey, openKeyHalf, sealKeyHalf } from "@parley/core";
import { limits, type Statement } from "@parley/protocol";

import type { Identity } from "./identity.ts";

type DeviceList = Statement<"devices">;
type OlderKey = NonNullable<DeviceList["encryption"]["older"]>[number];

/** A key and since when it was in use, milliseconds since 1970. */
export interface RingKey {
  readonly key: EncryptionKey;
  readonly since: number;
}

export interface KeyRing {
  /** Undefined when the list does not give this device the current key. */
  readonly current: RingKey | undefined;
  /** Oldest first. */
  readonly older: readonly RingKey[];
}

type Holder = Pick<Identity, "member" | "device" | "sealing" | "encryptionKeys">;

/**
 * What a device has of a list's keys. With `extractable` only those that may be handed on: a key that is held but may not
 * leave its place is taken out of its half again. What cannot be opened is told to `onError` and left out.
 */
export async function openKeyRing(
  list: DeviceList,
  holder: Holder,
  extractable: boolean,
  onError: (error: unknown) => void,
): Promise<KeyRing> {
  const { mesh, member, encryption } = list;
  const held = (kid: string): EncryptionKey | undefined =>
    holder.encryptionKeys.find((key) => key.kid === kid && (!extractable || key.privateKey.extractable));
  const open = async (
    half: string | undefined,
    by: EncryptionKey | undefined,
    device: string,
    expected: { readonly kid: string; readonly key: string },
  ): Promise<EncryptionKey | undefined> => {
    const known = held(expected.kid);
    if (known !== undefined || half === undefined || by === undefined) return known;
    try {
      return await openKeyHalf(half, by, { mesh, member, device }, expected, { extractable });
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  const listed = list.devices.find(({ device }) => device === holder.device.id);
  const current = await open(listed?.half, holder.sealing, holder.device.id, encryption);
  const opener = current ?? holder.encryptionKeys.find(({ kid }) => kid === encryption.kid);
  const older: RingKey[] = [];
  for (const { half, since, ...expected } of encryption.older ?? []) {
    const key = await open(half, opener, encryption.kid, expected);
    if (key !== undefined) older.push({ key, since });
  }
  return {
    current: current === undefined ? undefined : { key: current, since: encryption.since ?? list.iat },
    older,
  };
}

/** The `older` of a list whose current key is `current`: what went out of use so long ago that nothing waits for it is left out. */
export function sealOlderKeys(
  older: readonly RingKey[],
  current: RingKey,
  list: Pick<DeviceList, "mesh" | "member">,
  now: number,
): Promise<OlderKey[]> {
  const waitsFor = (_: RingKey, index: number): boolean =>
    now - (older[index + 1]?.since ?? current.since) < limits.expiryMs;
  const kept = older.filter(waitsFor).slice(-(limits.encryptionKeys - 1));
  return Promise.all(
    kept.map(async ({ key, since }) => ({
      kid: key.kid,
      key: key.publicKey,
      since,
      half: await sealKeyHalf(key, current.key.publicKey, { ...list, device: current.key.kid }),
    })),
  );
}
