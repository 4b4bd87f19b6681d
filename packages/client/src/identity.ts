import type { EncryptionKey, Signer } from "@parley/core";
import type { MemberKind } from "@parley/protocol";

/** A root key that is kept and not yet known to be published. */
export interface NextRoot {
  readonly root: Signer;
  /** Signed by the present root key. */
  readonly rotation: string;
}

/** A member on one of its devices: its keys and the signed list that names the device. Where it is kept is a home's matter. */
export interface Identity {
  /** Member id: hash of the first root key. */
  readonly member: string;
  /** Name asked for, or admitted under. */
  readonly name: string;
  readonly kind: MemberKind;
  /** The member's root key. Undefined on a device that was certified by another one. */
  readonly root: Signer | undefined;
  /** First root key, raw, base64url. */
  readonly rootKey: string;
  readonly rotations: readonly string[];
  /** The root key that is to follow, kept before anybody hears of it, and the statement that names it. */
  readonly next?: NextRoot | undefined;
  readonly device: Signer;
  /** The device's own X25519 key pair: halves of new encryption keys are sealed to it. Undefined in homes of earlier versions. */
  readonly sealing: EncryptionKey | undefined;
  /** What the device is called in lists, for example `laptop`. */
  readonly label: string;
  /** Oldest first; the list names the current one, the others are kept for frames still under way. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Signed device list of a mesh, see the `devices` statement. Its number goes up with every change. */
  readonly devices: string;
}
