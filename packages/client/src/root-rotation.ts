/**
 * Changes the root key of a member on the device that holds it. The new key is kept before anybody hears of it, and taken
 * into use when the registry has it: a crash at any place leaves one of the two keys in force, and the next session goes on.
 */
import {
  type Clock,
  createSigner,
  type MeshTrust,
  peekStatement,
  signStatement,
  type VerifiedMember,
} from "@parley/core";
import { limits, ParleyError, toParleyError } from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import type { NextRoot } from "./identity.ts";
import type { OwnKeys } from "./own-keys.ts";

export interface RootRotationOptions {
  readonly device: Pick<DeviceApi, "member" | "request">;
  readonly keys: OwnKeys;
  readonly trust: MeshTrust;
  readonly clock: Clock;
  /** Takes the own member's newest record, with the root key that it is under. */
  readonly onCurrent: (verified: VerifiedMember) => Promise<void>;
}

/** The root key of a member after a change. */
export interface RootKeyChange {
  /** How often the root key was changed. */
  readonly number: number;
  /** The present root key, raw, base64url. */
  readonly rootKey: string;
}

/** The devices of the member may publish a list or a card at the same moment. */
const mostTries = 4;

export class RootRotation {
  readonly #options: RootRotationOptions;
  #running: Promise<RootKeyChange> | undefined;

  constructor(options: RootRotationOptions) {
    this.#options = options;
  }

  /** Makes and publishes the next root key, or brings the change that is under way to its end. */
  rotate(): Promise<RootKeyChange> {
    return this.#once(async () => this.#publish(await this.#next()));
  }

  /** Brings a change that was cut short to its end. */
  async goOn(): Promise<void> {
    const { next } = this.#options.keys.identity;
    if (next !== undefined) await this.#once(() => this.#publish(next));
  }

  #once(work: () => Promise<RootKeyChange>): Promise<RootKeyChange> {
    this.#running ??= work().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The key that follows, on disk. */
  async #next(): Promise<NextRoot> {
    const { keys, trust, clock } = this.#options;
    const { root, next, rotations, member } = keys.identity;
    if (next !== undefined) return next;
    if (root === undefined)
      throw new ParleyError("forbidden", {
        message: "This device does not hold the member's root key; change it on the one that does.",
      });
    if (trust.operators.keys.has(member))
      throw new ParleyError("forbidden", {
        message:
          "An operator's root key stands in the operator set and cannot be changed by itself: let another member become operator and this one leave the set first.",
      });
    if (rotations.length >= limits.rotations)
      throw new ParleyError("limit_reached", {
        message: `A root key changes at most ${limits.rotations} times; a new member has to take over.`,
      });
    const made = await createSigner("member", { extractable: root.privateKey.extractable });
    const rotation = await signStatement(
      "rotation",
      { mesh: trust.mesh, member, number: rotations.length + 1, key: made.publicKey, iat: clock.now() },
      root,
    );
    const following = { root: made, rotation };
    await keys.change((identity) => ({ ...identity, next: following }));
    return following;
  }

  async #publish(next: NextRoot): Promise<RootKeyChange> {
    const { device, keys, trust, onCurrent } = this.#options;
    const { number } = peekStatement("rotation", next.rotation);
    for (let tries = 1; ; tries++) {
      const { record } = await device.request("directory.get", { member: device.member });
      const known = record.rotations[number - 1];
      if (known === undefined) {
        try {
          await device.request("rotation.publish", await this.#statements(next, record));
        } catch (error) {
          if (toParleyError(error).code !== "stale_statement" || tries === mostTries) throw error;
        }
        continue;
      }
      await onCurrent(await trust.acceptMember(record, { member: device.member }));
      if (known !== next.rotation) {
        await keys.change((identity) => ({ ...identity, next: undefined }));
        throw new ParleyError("conflict", {
          message: "Another device that held the root key changed it first; that one holds the present key.",
        });
      }
      return { number: keys.identity.rotations.length, rootKey: next.root.publicKey };
    }
  }

  /** What the new key signs: the devices as they are, their sealed halves with them, and the card. */
  async #statements(
    { root, rotation }: NextRoot,
    record: VerifiedMember["record"],
  ): Promise<{ rotation: string; devices: string; card?: string }> {
    const { keys, trust, clock, device } = this.#options;
    const verified = await trust.acceptMember(record, { member: device.member });
    const { signer: _, ...list } = peekStatement("devices", record.devices);
    const number = Math.max(list.number, peekStatement("devices", keys.identity.devices).number) + 1;
    const devices = await signStatement("devices", { ...list, number, iat: clock.now() }, root);
    if (verified.card === undefined) return { rotation, devices };
    const { signer: _signer, ...card } = peekStatement("card", record.card ?? "");
    return { rotation, devices, card: await signStatement("card", { ...card, number: card.number + 1 }, root) };
  }
}
