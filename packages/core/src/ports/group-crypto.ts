/**
 * GroupCrypto: one device's part in the MLS groups of encrypted channels (RFC 9420). Bytes in and out; keys live in `GroupState`.
 *
 * Contract:
 * - A state is a value: no call changes it, every call that moves keys gives a new one. Of one group a device holds one state, and calls
 *   that give a new one follow each other: two that start from the same state would use the same keys.
 * - **Durable before it leaves.** The state that `seal` gave must be durable before its message is sent, the one of `commit` and
 *   `joinByCommit` (beside the present one) before its commit is sent. A message key is used once only if this is kept: an older
 *   state that is taken up again would use it again, and nobody could open the message. RFC 9420 section 6.3.1 guards the
 *   nonce against this, but the guard is 32 random bits.
 * - A commit counts when the channel accepted it. Until then the present state stays; if another commit came first, the new one is
 *   thrown away and that one is processed. A device cannot process its own commit: it takes up the state that it kept.
 * - Commits are processed in order, and messages of an epoch before the commit that ends it: only `keptEpochs` epochs of the past can be
 *   opened. A device cannot open what it sealed itself.
 * - Bytes are read before the first await and may be reused after it. Bytes that were handed out are not to be changed.
 * - Every error is a `ParleyError`: `malformed_frame` for bytes that are not of the form, `bad_signature` for a signature, a certificate
 *   or a device that does not hold, `group_changed` for another epoch than the present one, `cannot_open` for what this device has no
 *   key for, `not_in_channel` for a device that was removed, `too_large` and `limit_reached` for bounds. Nothing moved then.
 */
export interface GroupCrypto {
  /** A key package (RFC 9420 section 10) with which others add this device to one group. */
  makeKeyPackage(): Promise<OwnKeyPackage>;
  /** Whose key package this is, when it is valid and the device is one that may be added. */
  readKeyPackage(keyPackage: Uint8Array): Promise<GroupDevice>;
  /** A group of this device alone, at epoch 0. `group` is the channel's id. */
  createGroup(group: string): Promise<GroupState>;
  /** With which `joinByCommit` joins the present epoch, as `NewCommit.groupInfo` is of the one that it leads to. */
  groupInfo(state: GroupState): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Adds and removes in one commit; with neither it renews this device's keys. Removals that match nobody are passed over. `invalid_argument`
   * for a removal of this device, `already_exists` for a device that is there and not removed by the same commit. `authenticated` goes along,
   * readable and signed; at most `maxAuthenticatedBytes`.
   */
  commit(state: GroupState, change?: GroupChange, authenticated?: Uint8Array): Promise<NewCommit>;
  /**
   * What another device committed. `cannot_open`: this device cannot follow, and joins anew with `joinByCommit`. Of a device that came in
   * and whose key nobody can tell any more it says so in `unverified`: to refuse its commit would lock this device out.
   */
  processCommit(state: GroupState, commit: Uint8Array): Promise<ProcessedCommit>;
  /** Joins by a welcome to one of the key packages whose private parts are given. `cannot_open` when it is for none of them. */
  joinByWelcome(welcome: Uint8Array, kept: readonly Uint8Array[]): Promise<WelcomedState>;
  /** Joins by an external commit (RFC 9420 section 12.4.3.2). A leaf that this device still has is removed by it. */
  joinByCommit(groupInfo: Uint8Array): Promise<NewCommit>;
  /** An application message. `authenticated` goes along readable but covered by the seal; at most `maxAuthenticatedBytes`. */
  seal(state: GroupState, content: Uint8Array, authenticated?: Uint8Array): Promise<SealedMessage>;
  /**
   * Opens a message of the present epoch or one of the last `keptEpochs`. The new state need not be durable at once: what was opened
   * can be opened again from the older one, which only keeps its key for longer.
   */
  open(state: GroupState, message: Uint8Array): Promise<OpenedMessage>;
  /**
   * `state` without the keys that `opened`, a state of the same epoch that came of it by `open`, has used up. So one state can open
   * while another, made durable, keeps these keys until what they opened is durable too.
   */
  received(state: GroupState, opened: GroupState): GroupState;
  encode(state: GroupState): EncodedGroup;
  /** `malformed_frame` unless the two parts are of one state. */
  decode(encoded: Pick<EncodedGroup, "base" | "ratchets">): GroupState;
}

/** Epochs of the past whose late messages can be opened. */
export const keptEpochs = 4;
/** How many messages of one sender in one epoch may be missing before the next can not be opened. */
export const maxSkippedMessages = 1000;
/** One key package. */
export const maxKeyPackageBytes = 4096;
/** Private parts of key packages that one welcome is compared with. */
export const maxKeptKeyPackages = 64;
/** Readable part of an application message. */
export const maxAuthenticatedBytes = 1024;

/** A device of a member, both by id. A group has one leaf per device. */
export interface GroupDevice {
  readonly member: string;
  readonly device: string;
}

/** Why a device's key is asked for: somebody adds it now, or it is in a group or commit that this device follows. */
export type GroupCheck = "add" | "follow";

/**
 * The Ed25519 public key of a device from its member's signed list, base64url; undefined when the list does not have it. For `follow` a
 * device that was on the list once is enough, because it is in the group until a commit removes it: a refusal would lock everybody out.
 */
export type GroupDeviceKey = (device: GroupDevice, why: GroupCheck) => Promise<string | undefined>;

/** What a device knows of a group, with its private keys. Opaque but for these facts. */
export interface GroupState {
  /** The channel's id. */
  readonly group: string;
  readonly epoch: number;
  /** In the order of their leaves, this one included. */
  readonly devices: readonly GroupDevice[];
  /** False once a commit removed this device. It still opens late messages and nothing else. */
  readonly active: boolean;
}

export interface OwnKeyPackage {
  readonly keyPackage: Uint8Array<ArrayBuffer>;
  /** Kept secret until a welcome used it, and for that one only. */
  readonly secret: Uint8Array<ArrayBuffer>;
}

export interface GroupChange {
  /** Key packages. */
  readonly add?: readonly Uint8Array[];
  /** One device, or every device of a member. */
  readonly remove?: readonly GroupRemoval[];
}

export interface GroupRemoval {
  readonly member: string;
  readonly device?: string | undefined;
}

/** A commit to be sent with the epoch that it is made for: `state.epoch - 1`. */
export interface NewCommit {
  readonly state: GroupState;
  readonly commit: Uint8Array<ArrayBuffer>;
  /** One for all who were added; undefined when nobody was. */
  readonly welcome: Uint8Array<ArrayBuffer> | undefined;
  /** With which `joinByCommit` joins the new epoch: the tree of members and the group's external key. */
  readonly groupInfo: Uint8Array<ArrayBuffer>;
  readonly added: readonly GroupDevice[];
  readonly removed: readonly GroupDevice[];
}

export interface ProcessedCommit {
  /** Not active when this device was removed; its epoch stays the last one that it has keys for. */
  readonly state: GroupState;
  /** Whose commit it is. */
  readonly by: GroupDevice;
  /** With an external commit the one that joined; it is among `removed` too when it took the place of its older leaf. */
  readonly added: readonly GroupDevice[];
  readonly removed: readonly GroupDevice[];
  /** Of those in the group now: it is not known that they are who they say. Nothing may be sealed before a commit takes them out. */
  readonly unverified: readonly GroupDevice[];
  /** What the commit carries readable. */
  readonly authenticated: Uint8Array<ArrayBuffer>;
  readonly selfRemoved: boolean;
}

export interface WelcomedState {
  readonly state: GroupState;
  /** Which of the private parts was used: drop it when the state is durable. */
  readonly used: number;
}

export interface SealedMessage {
  readonly state: GroupState;
  readonly message: Uint8Array<ArrayBuffer>;
}

export interface OpenedMessage {
  readonly state: GroupState;
  readonly from: GroupDevice;
  /** The epoch that it was sealed in. */
  readonly epoch: number;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly authenticated: Uint8Array<ArrayBuffer>;
}

/**
 * A state as bytes, all of it secret. `base` is the same for all states of one epoch and large (a few hundred bytes per device), `ratchets`
 * small. Write a new epoch's `base` beside the old one first, then `ratchets` with the number of its epoch, then drop the old `base`:
 * this holds without a transaction.
 */
export interface EncodedGroup {
  readonly epoch: number;
  readonly base: Uint8Array<ArrayBuffer>;
  readonly ratchets: Uint8Array<ArrayBuffer>;
}
