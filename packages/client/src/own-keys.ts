/**
 * This device's keys while it runs. A newer list of its own member brings the current encryption key, sealed to this
 * device; the ones before are kept for frames that are still under way.
 */
import { type EncryptionKey, peekStatement, type VerifiedMember } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import type { Identity } from "./identity.ts";
import { openKeyRing } from "./key-ring.ts";

export interface OwnKeysOptions {
  readonly identity: Identity;
  /** Keeps what changed. */
  readonly keep: ((identity: Identity) => Promise<void>) | undefined;
  /** Brings the newest list of this member, and hands it to `take`. */
  readonly refresh: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export class OwnKeys {
  readonly #options: OwnKeysOptions;
  #identity: Identity;
  #taking: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | undefined;

  constructor(options: OwnKeysOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Takes what the own member's record says, one after the other. True when it was news. */
  take(own: VerifiedMember): Promise<boolean> {
    const taken = this.#taking.then(() => this.#take(own));
    this.#taking = taken.catch(() => undefined);
    return taken;
  }

  /** Changes what is kept, in turn with what is taken. */
  change(update: (identity: Identity) => Identity): Promise<void> {
    const changed = this.#taking.then(() => this.#change(update));
    this.#taking = changed.catch(() => undefined);
    return changed;
  }

  /**
   * The private key of a key id. A sender may have heard of a new key before this device did: then the newest list is
   * asked for. Rejects with what kept it from being asked for, so that the frame is tried again.
   */
  keyOf(kid: string): EncryptionKey | Promise<EncryptionKey | undefined> | undefined {
    return this.#held(kid) ?? this.#fetch(kid);
  }

  async #change(update: (identity: Identity) => Identity): Promise<void> {
    this.#identity = update(this.#identity);
    await this.#options.keep?.(this.#identity);
  }

  #held(kid: string): EncryptionKey | undefined {
    return this.#identity.encryptionKeys.find((key) => key.kid === kid);
  }

  async #fetch(kid: string): Promise<EncryptionKey | undefined> {
    // An answer that was under way already may be older than the frame.
    if (this.#refreshing !== undefined) await this.#refreshing.catch(() => undefined);
    this.#refreshing ??= this.#options.refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
    await this.#taking;
    return this.#held(kid);
  }

  /** The root key that this device holds of those in the record: the present one, the one that follows, or none any more. */
  #rootOf({ rootKey, record }: VerifiedMember): Pick<Identity, "root" | "next"> {
    const { root, next, rotations } = this.#identity;
    if (next !== undefined && record.rotations[rotations.length] === next.rotation)
      return next.root.publicKey === rootKey
        ? { root: next.root, next: undefined }
        : { root: undefined, next: undefined };
    if (root === undefined || root.publicKey === rootKey) return { root, next };
    this.#options.onError(
      new ParleyError("forbidden", {
        message:
          "The member's root key was changed on another device; this one does not hold the present key any more.",
      }),
    );
    return { root: undefined, next: undefined };
  }

  async #take(own: VerifiedMember): Promise<boolean> {
    const identity = this.#identity;
    const { record } = own;
    if (own.numbers.devices <= peekStatement("devices", identity.devices).number) return false;
    const list = peekStatement("devices", record.devices);
    // Taken off: what this device has stays as it is, and the registry shows it out.
    if (!list.devices.some(({ device }) => device === identity.device.id)) return false;
    // A browser's keys stay where they are: what joins them does too.
    const { extractable } = identity.device.privateKey;
    const { current, older } = await openKeyRing(list, identity, extractable, this.#options.onError);
    const ring = [...older, ...(current === undefined ? [] : [current])].map(({ key }) => key);
    const ringed = new Set(ring.map(({ kid }) => kid));
    const rest = identity.encryptionKeys.filter(({ kid }) => !ringed.has(kid));
    this.#identity = {
      ...identity,
      ...this.#rootOf(own),
      devices: record.devices,
      rotations: record.rotations,
      encryptionKeys: [...rest, ...ring].slice(-limits.encryptionKeys),
    };
    await this.#options.keep?.(this.#identity);
    return true;
  }
}
