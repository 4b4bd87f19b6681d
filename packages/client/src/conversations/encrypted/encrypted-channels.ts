/** The groups of all encrypted channels that this device is in. */
import type { Clock, GroupCrypto, GroupDevice, GroupDeviceKey, Journal, Random, Signer } from "@parley/core";
import { type AnyContent, anyContentSchema, decodeJson, limits, ParleyError, toParleyError } from "@parley/protocol";

import { bodyOf, textOf } from "../../body.ts";
import type { Directory } from "../../directory.ts";
import { pause } from "../../pause.ts";
import type { Session } from "../../session.ts";
import type { ChannelCipher, OpenedPost, SealedPost } from "../channels/channel-cipher.ts";
import { EncryptedGroup } from "./encrypted-group.ts";
import { GroupStore } from "./group-store.ts";
import { Invitations } from "./invitations.ts";

/** Makes one device's part in MLS groups, with the key by which others' devices are checked. */
export type GroupFactory = (options: {
  readonly mesh: string;
  readonly member: string;
  readonly device: Signer;
  readonly deviceKey: GroupDeviceKey;
}) => GroupCrypto;

export interface EncryptedChannelsOptions {
  readonly factory: GroupFactory;
  readonly mesh: string;
  readonly own: { readonly member: string; readonly device: Signer };
  readonly journal: Journal;
  readonly directory: Directory;
  readonly session: Pick<Session, "request" | "registryTime">;
  readonly clock: Clock;
  readonly random: Random;
  readonly onGap: (channel: string, from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Within this somebody takes out who is to go. */
const mostTidyMs = 1000;

export class EncryptedChannels implements ChannelCipher {
  readonly #options: EncryptedChannelsOptions;
  readonly #groups = new Map<string, EncryptedGroup>();
  readonly #invitations: Invitations;

  constructor(options: EncryptedChannelsOptions) {
    this.#options = options;
    const { mesh, directory } = options;
    this.#invitations = new Invitations({ mesh, directory });
  }

  seal(channel: string, content: AnyContent): Promise<{ epoch: number; message: string }> {
    return this.#group(channel).seal(bodyOf(content));
  }

  async open(channel: string, { author, device, epoch, message }: SealedPost): Promise<OpenedPost> {
    try {
      const opened = await this.#group(channel).open({ member: author, device }, epoch, message);
      if (opened === undefined) return { unreadable: "no-group" };
      const content = decodeJson(anyContentSchema, textOf(opened), limits.statementBytes);
      return content.ok ? { content: content.value } : { unreadable: "no-group" };
    } catch (error) {
      const { code, retryable } = toParleyError(error);
      if (code === "bad_signature") return { unreadable: "bad-signature" };
      if (retryable) throw error;
      this.#options.onError(error);
      return { unreadable: "no-group" };
    }
  }

  async settle(channel: string, isKept: boolean): Promise<void> {
    await this.#groups.get(channel)?.settle(isKept);
  }

  async onFollow(channel: string): Promise<void> {
    const group = this.#group(channel);
    group.stale();
    try {
      await group.comeIn();
    } catch (error) {
      if (toParleyError(error).retryable) throw error;
      // The channel is followed all the same: its posts are shown as what cannot be read, and whoever posts hears why not.
      this.#options.onError(error);
    }
  }

  async onGroupChanged(channel: string, epoch: number | undefined): Promise<void> {
    const { clock, random } = this.#options;
    const group = this.#group(channel);
    group.stale();
    if (epoch === undefined) return;
    // All who are there hear of it at once, and one of them is enough.
    await pause(clock, ((random.bytes(1)[0] ?? 0) / 255) * mostTidyMs, undefined);
    await group.tidy(epoch);
  }

  onJoined(channel: string, invitation: string | undefined): Promise<void> {
    return this.#group(channel).invited(invitation);
  }

  invitedAt(channel: string, member: string): Promise<number> {
    return this.#group(channel).invitedAt(member);
  }

  async onLeft(channel: string): Promise<void> {
    await this.#group(channel).left();
    this.#groups.delete(channel);
  }

  #group(channel: string): EncryptedGroup {
    const known = this.#groups.get(channel);
    if (known !== undefined) return known;
    if (this.#groups.size >= limits.channelsPerMember) throw new ParleyError("limit_reached");
    const { factory, mesh, own, journal, session, clock, random, onGap, onError } = this.#options;
    const group: EncryptedGroup = new EncryptedGroup({
      channel,
      own: { member: own.member, device: own.device.id },
      crypto: factory({ mesh, ...own, deviceKey: (device, why) => this.#keyOf(() => group, device, why) }),
      store: new GroupStore(journal, channel),
      invitations: this.#invitations,
      isListed: (device, isNew) => this.#isListed(device, isNew),
      session,
      clock,
      random,
      onGap: (from, to) => onGap(channel, from, to),
      onError,
    });
    this.#groups.set(channel, group);
    return group;
  }

  /** Of a new device the registry is asked; of others only if what is known here speaks against them. */
  async #isListed({ member, device }: GroupDevice, isNew: boolean): Promise<boolean> {
    const { directory } = this.#options;
    const known = directory.known(member);
    if (known?.verified.devices.has(device) === true || (known === undefined && !isNew)) return true;
    const newest = await directory.refresh(member).catch(unlessForNow);
    return newest?.verified.devices.has(device) === true;
  }

  /** From the member's newest list; a device that is on it no more is in the group until a commit takes it out. */
  async #keyOf(
    group: () => EncryptedGroup,
    { member, device }: Parameters<GroupDeviceKey>[0],
    why: Parameters<GroupDeviceKey>[1],
  ): Promise<string | undefined> {
    const { own, directory } = this.#options;
    const seen = group().keys[device];
    if (why === "follow" && seen !== undefined) return seen;
    if (member === own.member && device === own.device.id) return own.device.publicKey;
    // Of somebody who was revoked nothing is said any more; a commit that takes it out is on its way.
    const view = await directory.get(member).catch(unlessForNow);
    const key = view?.verified.devices.get(device)?.key;
    if (key !== undefined) group().noteKey(device, key);
    return key;
  }
}

/** Undefined for what asking once more does not change. */
function unlessForNow(error: unknown): undefined {
  if (toParleyError(error).retryable) throw error;
  return undefined;
}
