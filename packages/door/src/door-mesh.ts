/**
 * What the door needs of the mesh that it is a member of: channels are named without `#`, members by their verified names.
 *
 * Contract:
 * - `enter` joins a public channel and follows it. The listener gets the newest `replay` posts first, as `replayed`, then every
 *   later one in order, once, the door's own included; the replayed ones before `enter` resolves. Encrypted channels are
 *   `unknown_channel`: what goes through a door is readable by it. Entering again while in it is not asked for.
 * - After `onGone` nothing more comes from that channel, and it may be entered again.
 * - `post` and `direct` resolve when the mesh has taken what was said, and reject with a `ParleyError`.
 * - Rejections: `unknown_channel`, `archived`, `already_exists`, `unknown_member`, `blocked`, `rate_limited`, ...; anything else shows as
 *   UNAVAILABLE.
 */
import type { Via } from "@parley/protocol";

export interface MeshPost {
  readonly id: string;
  /** Member id and verified name of its author. */
  readonly member: string;
  readonly name: string;
  readonly via: Via | undefined;
  readonly text: string;
  /** Registry time, ms since 1970. */
  readonly at: number;
}

export interface MeshChannelListener {
  onPost(post: MeshPost, replayed: boolean): void;
  /** Its author changed the text of a post, or took it back. */
  onChanged(id: string, text: string | undefined): void;
  /** Somebody other than the door came in or left. */
  onJoined(name: string): void;
  onLeft(name: string): void;
  /** The door is not in it any more: archived, removed, kicked. */
  onGone(): void;
}

/** A direct message to the door. */
export interface MeshDirect {
  readonly id: string;
  readonly member: string;
  readonly name: string;
  readonly text: string;
  /** Id, given by `direct`, of the message that it answers. */
  readonly answers: string | undefined;
  readonly at: number;
}

export interface MeshChannel {
  readonly name: string;
  /** Members in it, without the door. */
  readonly members: number;
}

export interface DoorMesh {
  readonly self: { readonly member: string; readonly name: string };
  /** Public channels that can be entered, those that the door is in included. */
  channels(): Promise<readonly MeshChannel[]>;
  /** Resolves with the names of the members in it, without the door. */
  enter(channel: string, replay: number, listener: MeshChannelListener): Promise<readonly string[]>;
  leave(channel: string): Promise<void>;
  /** Names of the members in a public channel, without the door. */
  members(channel: string): Promise<readonly string[]>;
  /** Makes a public channel. The door is not in it until it enters. */
  create(channel: string): Promise<void>;
  /** Tells a member of a channel that the door is in. */
  invite(channel: string, name: string): Promise<void>;
  post(channel: string, text: string, via: Via): Promise<void>;
  /** Resolves with the message's id. Without `via` the door speaks for itself. `to`: the client of another door, whose name it is. */
  direct(name: string, text: string, via?: Via, to?: string): Promise<string>;
  /** Whether this Ed25519 key, 32 bytes in base64url, is the root key of a member who is not revoked. */
  isMember(publicKey: string): Promise<boolean>;
  /** Hands over direct messages to the door; returns the way out. */
  onDirect(handler: (message: MeshDirect) => void | Promise<void>): () => void;
}
