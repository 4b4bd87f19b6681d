/** What encrypted channels need of a group of keys: one device's part in it. */
import type { AnyContent } from "@parley/protocol";

/** A post as it came, its author's signature verified. */
export interface SealedPost {
  /** Id of the post. */
  readonly id: string;
  readonly author: string;
  readonly device: string;
  readonly epoch: number;
  /** MLS application message, base64url. */
  readonly message: string;
}

export type OpenedPost =
  | { readonly content: AnyContent }
  /** `bad-signature`: it opens, but to somebody else's message than its author claims. */
  | { readonly unreadable: "no-group" | "bad-signature" };

/**
 * Contract:
 * - `open` is called in the order of the posts of a channel, one after the other; never for what this device sealed itself.
 * - `seal` throws `group_changed` when the group has to be brought up to date first; the caller then waits for `onGroupChanged` and seals
 *   anew. Other errors are judged by `isRetryable`.
 * - `onFollow` is awaited before the posts of a channel are taken in a session, `onJoined` before it is followed.
 */
export interface ChannelCipher {
  seal(channel: string, content: AnyContent): Promise<{ readonly epoch: number; readonly message: string }>;
  /** Rejects with a retryable error when it cannot be said yet, as while the registry is away. */
  open(channel: string, post: SealedPost): Promise<OpenedPost>;
  /** What was opened is in the archive; or it is not, and will be opened again. */
  settle(channel: string, isKept: boolean): Promise<void>;
  /** A session begins in which this channel is followed. */
  onFollow(channel: string): Promise<void>;
  /** The group has a new epoch, or somebody is to be taken out of it. Without an epoch: the registry refused a post for that. */
  onGroupChanged(channel: string, epoch: number | undefined): Promise<void>;
  /** This member came into the channel, or made it. `invitation` lets its devices into the group. */
  onJoined(channel: string, invitation: string | undefined): Promise<void>;
  /** The time of an invitation that this device signs. Throws `not_invited` when its word would let nobody in. */
  invitedAt(channel: string, member: string): Promise<number>;
  onLeft(channel: string): Promise<void>;
}
