/** Which root key of a chain a member's own device list goes with. */
import { verifyDevices, verifyRootKey } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Identity } from "./identity.ts";

/**
 * Keys and device list are kept in two steps: a crash between them leaves a list of one root key and a chain that goes on
 * to the next. Then the identity is as it was before the last step, which the registry's word brings forward again. Throws
 * `bad_signature` when the list goes with no key of the chain.
 */
export async function asListed(identity: Identity, mesh: string): Promise<Identity> {
  const { rotations, root, rootKey, member, devices } = identity;
  for (let length = rotations.length; length >= 0; length--) {
    const chain = rotations.slice(0, length);
    const { key } = await verifyRootKey(mesh, rootKey, chain);
    if (!(await isSignedWith(devices, mesh, member, key))) continue;
    if (length === rotations.length) return identity;
    const rotation = rotations[length];
    const isNext = root !== undefined && rotation !== undefined && length === rotations.length - 1;
    return { ...identity, rotations: chain, root: undefined, next: isNext ? { root, rotation } : undefined };
  }
  throw new ParleyError("bad_signature", { message: "The device list in this home is not signed by its root key." });
}

async function isSignedWith(devices: string, mesh: string, member: string, key: string): Promise<boolean> {
  try {
    await verifyDevices(mesh, member, key, devices);
    return true;
  } catch {
    return false;
  }
}
