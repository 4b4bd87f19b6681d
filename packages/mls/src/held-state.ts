import { type GroupDevice, type GroupState, keptEpochs } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";
import type { AuthenticationService, ClientState, GroupContext, PrivateKeyPath, RatchetTree, SecretTree } from "ts-mls";
import { defaultClientConfig } from "ts-mls/clientConfig.js";
import type { KeySchedule } from "ts-mls/keySchedule.js";

import { deviceOf, leavesOf } from "./tree.ts";

/** What opens the messages of one epoch. Of the secret tree only the application ratchets of leaves are used. */
export interface Epoch {
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  readonly senderDataSecret: Uint8Array;
  readonly secrets: SecretTree;
}

/** What commits need beside the present epoch. */
export interface OwnKeys {
  readonly schedule: KeySchedule;
  readonly path: PrivateKeyPath;
  readonly signatureKey: Uint8Array;
  readonly confirmationTag: Uint8Array;
}

/** The part of a state that stays for an epoch, as bytes: made once, with the ratchets that past epochs had then. */
export interface EncodedBase {
  bytes: Uint8Array<ArrayBuffer>;
  past: readonly Epoch[];
}

/** Where the states of one epoch share it. */
export interface BaseHolder {
  made: EncodedBase | undefined;
}

export interface NewEpoch {
  readonly keys: OwnKeys;
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  readonly secrets: SecretTree;
}

function fromLibrary(made: ClientState): NewEpoch {
  return {
    keys: {
      schedule: made.keySchedule,
      path: made.privatePath,
      signatureKey: made.signaturePrivateKey,
      confirmationTag: made.confirmationTag,
    },
    context: made.groupContext,
    tree: made.ratchetTree,
    secrets: made.secretTree,
  };
}

interface Parts {
  readonly keys: OwnKeys;
  readonly present: Epoch;
  readonly past: readonly Epoch[];
  readonly active: boolean;
  readonly base: BaseHolder;
}

export const epochNumber = ({ epoch }: GroupContext): number => Number(epoch);

/** A group's state as this adapter holds it. Nothing in it is changed. */
export class HeldState implements GroupState {
  readonly group: string;
  readonly epoch: number;
  readonly devices: readonly GroupDevice[];
  readonly active: boolean;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    const { context, tree } = parts.present;
    this.group = toBase64url(context.groupId);
    this.epoch = epochNumber(context);
    this.devices = leavesOf(tree).map(({ leaf }) => deviceOf(leaf));
    this.active = parts.active;
    this.#parts = parts;
  }

  /** The state behind the port's type. Throws `invalid_argument` for one of another adapter. */
  static of(state: GroupState): HeldState {
    if (state instanceof HeldState) return state;
    throw new ParleyError("invalid_argument", { message: "The state is of another adapter." });
  }

  get keys(): OwnKeys {
    return this.#parts.keys;
  }

  get present(): Epoch {
    return this.#parts.present;
  }

  /** The newest first. */
  get past(): readonly Epoch[] {
    return this.#parts.past;
  }

  get base(): BaseHolder {
    return this.#parts.base;
  }

  /** Throws `not_in_channel` once this device was removed. */
  mustBeActive(): void {
    if (!this.active)
      throw new ParleyError("not_in_channel", { message: "This device was removed from the channel's group." });
  }

  /** The same with an epoch's ratchets moved on. */
  moved(epoch: Epoch): HeldState {
    const isSame = ({ context }: Epoch): boolean => context.epoch === epoch.context.epoch;
    const { present, past } = this.#parts;
    if (isSame(present)) return new HeldState({ ...this.#parts, present: epoch });
    return new HeldState({ ...this.#parts, past: past.map((each) => (isSame(each) ? epoch : each)) });
  }

  /** The same with the ratchets of the others, and those of the past, as another state of this epoch has them. */
  received(other: HeldState): HeldState {
    const { present } = this.#parts;
    const own = this.keys.path.leafIndex * 2;
    const node = present.secrets[own];
    if (other.epoch !== this.epoch || node === undefined) return this;
    const secrets = other.present.secrets.slice();
    secrets[own] = node;
    return new HeldState({ ...this.#parts, present: { ...present, secrets }, past: other.past });
  }

  /** The state of the next epoch, as the library made it. */
  next(made: ClientState): HeldState {
    return HeldState.start(fromLibrary(made), [this.#parts.present, ...this.#parts.past].slice(0, keptEpochs));
  }

  /** The state of a new group, as the library made it. */
  static first(made: ClientState): HeldState {
    return HeldState.start(fromLibrary(made));
  }

  /** The same after a commit that removed this device. */
  removed(): HeldState {
    return new HeldState({ ...this.#parts, active: false, base: { made: undefined } });
  }

  /** For calls of the library. Its own store of past epochs and its proposals by reference are not used. */
  toLibrary(authService: AuthenticationService): ClientState {
    const { keys, present } = this.#parts;
    return {
      groupContext: present.context,
      ratchetTree: present.tree,
      secretTree: present.secrets,
      keySchedule: keys.schedule,
      privatePath: keys.path,
      signaturePrivateKey: keys.signatureKey,
      confirmationTag: keys.confirmationTag,
      unappliedProposals: {},
      historicalReceiverData: new Map(),
      groupActiveState: { kind: "active" },
      clientConfig: { ...defaultClientConfig, authService },
    };
  }

  /** The first state of an epoch. */
  static start({ keys, context, tree, secrets }: NewEpoch, past: readonly Epoch[] = []): HeldState {
    const present = { context, tree, senderDataSecret: keys.schedule.senderDataSecret, secrets };
    return new HeldState({ keys, present, past, active: true, base: { made: undefined } });
  }
}
