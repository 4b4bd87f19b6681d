import { type GroupCheck, type GroupDevice, type GroupDeviceKey, verifyBytes } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";
import type { AuthenticationService, Credential } from "ts-mls";

import { certifiedBytes, readCredential } from "./leaf-credential.ts";

/** Certificates found to hold, so that a tree costs one signature per device and not one per look. */
const mostVerified = 4096;

/** The authentication service of RFC 9420 section 3.1: which device a leaf belongs to. */
export class LeafTrust {
  readonly #mesh: string;
  readonly #deviceKey: GroupDeviceKey;
  readonly #verified = new Set<string>();

  constructor(mesh: string, deviceKey: GroupDeviceKey) {
    this.#mesh = mesh;
    this.#deviceKey = deviceKey;
  }

  /** The device that a leaf belongs to. Throws `bad_signature` when its member does not list it or it did not certify the leaf's key. */
  async check(credential: Credential, leafKey: Uint8Array, why: GroupCheck): Promise<GroupDevice> {
    const { member, device, isListed } = await this.#look(credential, leafKey, why);
    if (isListed) return { member, device };
    throw new ParleyError("bad_signature", {
      message: `A leaf is of device ${device}, which its member does not list.`,
    });
  }

  async #look(
    credential: Credential,
    leafKey: Uint8Array,
    why: GroupCheck,
  ): Promise<GroupDevice & { readonly isListed: boolean }> {
    const { member, device, certificate } = readCredential(credential);
    const key = await this.#deviceKey({ member, device }, why);
    if (key === undefined) return { member, device, isListed: false };
    const signed = certifiedBytes(this.#mesh, { member, device }, leafKey);
    const name = `${key}.${toBase64url(certificate)}.${toBase64url(signed)}`;
    if (this.#verified.has(name)) return { member, device, isListed: true };
    if (!(await verifyBytes(key, certificate, signed)))
      throw new ParleyError("bad_signature", { message: `Device ${device} did not certify the key of its leaf.` });
    if (this.#verified.size >= mostVerified) this.#verified.delete(this.#verified.values().next().value ?? "");
    this.#verified.add(name);
    return { member, device, isListed: true };
  }

  /** The same for the library; it throws where the library expects false, so that the reason stays. */
  service(why: GroupCheck): AuthenticationService {
    return {
      validateCredential: async (credential, leafKey) => {
        await this.check(credential, leafKey, why);
        return true;
      },
    };
  }

  /** For a commit that counts already: a device that no list has is let by, and named to `onUnlisted`. */
  follower(onUnlisted: (device: GroupDevice) => void): AuthenticationService {
    return {
      validateCredential: async (credential, leafKey) => {
        const { member, device, isListed } = await this.#look(credential, leafKey, "follow");
        if (!isListed) onUnlisted({ member, device });
        return true;
      },
    };
  }
}
