/** A device's place among its member's devices while it runs: takes newer lists, and with the root key signs what is due. */
import {
  type Clock,
  type EncryptionKey,
  type MeshTrust,
  peekStatement,
  type Random,
  type Timer,
  type VerifiedMember,
} from "@parley/core";

import type { DeviceApi } from "./device-api.ts";
import type { Directory } from "./directory.ts";
import type { Identity } from "./identity.ts";
import { MemberDevices } from "./member-devices.ts";
import { OwnKeys } from "./own-keys.ts";
import { type RootKeyChange, RootRotation } from "./root-rotation.ts";

export interface OwnDevicesOptions {
  readonly identity: Identity;
  readonly keep: ((identity: Identity) => Promise<void>) | undefined;
  readonly device: DeviceApi;
  readonly trust: MeshTrust;
  readonly registry: string;
  readonly directory: () => Directory;
  readonly clock: Clock;
  readonly random: Random;
  /** A newer list of this member holds. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/** After a failure, while the session lasts. */
const lookAgainMs = 60_000;

export class OwnDevices {
  readonly #options: OwnDevicesOptions;
  readonly #keys: OwnKeys;
  readonly #manage: MemberDevices;
  readonly #rotation: RootRotation;
  #timer: Timer | undefined;
  #stopped = false;
  #counted: { readonly list: string; readonly count: number } | undefined;

  constructor(options: OwnDevicesOptions) {
    const { identity, keep, device, trust, registry, clock, random, onError } = options;
    this.#options = options;
    const refresh = async (): Promise<void> => {
      await options.directory().refresh(identity.member);
    };
    this.#keys = new OwnKeys({ identity, keep, refresh, onError });
    this.#manage = new MemberDevices({
      device,
      identity: () => this.#keys.identity,
      trust: () => trust,
      registry,
      clock,
      random,
      onCurrent: (verified) => this.#take(verified),
    });
    this.#rotation = new RootRotation({
      device,
      keys: this.#keys,
      trust,
      clock,
      onCurrent: (verified) => this.#take(verified),
    });
  }

  /** Makes a new root key, see `RootRotation`. */
  rotateRoot(): Promise<RootKeyChange> {
    return this.#rotation.rotate();
  }

  get identity(): Identity {
    return this.#keys.identity;
  }

  /** How many devices are on the newest list of this member. */
  get listed(): number {
    const list = this.identity.devices;
    if (this.#counted?.list !== list) this.#counted = { list, count: peekStatement("devices", list).devices.length };
    return this.#counted.count;
  }

  /** The private key of a key id, see `OwnKeys`. */
  keyOf(kid: string): EncryptionKey | Promise<EncryptionKey | undefined> | undefined {
    return this.#keys.keyOf(kid);
  }

  /** Some member's statements, verified. */
  onMember(verified: VerifiedMember): void {
    if (verified.member === this.identity.member) this.#take(verified).catch(this.#options.onError);
  }

  /** A session begins: changes of the own member are pushed from now on, and what is due is done. */
  onSession(): void {
    this.#options.directory().watch(this.identity.member);
    const { root, next } = this.identity;
    if (next !== undefined) this.#rotation.goOn().then(() => this.#look(), this.#options.onError);
    else if (root !== undefined) this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #take(verified: VerifiedMember): Promise<void> {
    if (await this.#keys.take(verified)) this.#options.onChange();
  }

  #look(): void {
    this.#timer?.cancel();
    this.#manage
      .maintain()
      .catch((error: unknown) => {
        this.#options.onError(error);
        return lookAgainMs;
      })
      .then((inMs) => {
        this.#timer?.cancel();
        if (!this.#stopped) this.#timer = this.#options.clock.setTimer(inMs, () => this.#look());
      }, this.#options.onError);
  }
}
