/** JOIN, LEAVE, LIST_CHANNELS, LIST_AGENTS, CREATE_CHANNEL, INVITE: channels of the mesh, and private ones of the door. */
import type { Clock } from "@parley/core";
import { isParleyError } from "@parley/protocol";

import { memberAddress, parseAddress } from "./address.ts";
import type { DoorBounds } from "./bounds.ts";
import type { ClientMessageOf } from "./client-message.ts";
import { DoorChannel } from "./door-channel.ts";
import type { DoorClient } from "./door-client.ts";
import type { DoorMesh, MeshChannel } from "./door-mesh.ts";
import type { LiveClients } from "./live-clients.ts";
import { PrivateChannels } from "./private-channels.ts";
import { Rate } from "./rate.ts";
import { Refusal } from "./refusal.ts";
import { withinTime } from "./within-time.ts";

export interface ChannelsOptions {
  readonly clock: Clock;
  readonly bounds: DoorBounds;
  readonly mesh: DoorMesh;
  readonly live: LiveClients;
  readonly replay: number;
}

/** Answers of the mesh that many ask for are asked for once in this time. */
const freshMs = 1000;
const mostListsKept = 100;

interface Kept<Value> {
  readonly at: number;
  readonly value: Promise<Value>;
}

export class Channels {
  readonly #options: ChannelsOptions;
  readonly #open = new Map<string, DoorChannel>();
  readonly #entering = new Map<string, Promise<DoorChannel>>();
  readonly #idleSince = new Map<string, number>();
  readonly #private: PrivateChannels;
  readonly #made: Rate;
  #listed: Kept<readonly MeshChannel[]> | undefined;
  readonly #members = new Map<string, Kept<readonly string[]>>();

  constructor(options: ChannelsOptions) {
    this.#options = options;
    this.#private = new PrivateChannels(options.bounds);
    const perMinute = options.bounds.channelsMadePerMinute;
    this.#made = new Rate(perMinute / 60, perMinute, options.clock.monotonic());
  }

  async join(client: DoorClient, message: ClientMessageOf<"JOIN">): Promise<void> {
    const name = message.channel.slice(1);
    const { bounds, live } = this.#options;
    const present = client.channels.get(name);
    if (present !== undefined) {
      present.admit(client);
      return;
    }
    if (client.channels.size >= bounds.channelsPerClient)
      throw new Refusal("LIMIT_REACHED", `You are in ${bounds.channelsPerClient} channels; leave some.`);
    const kept = this.#private.find(name);
    if (kept !== undefined && this.#private.isInvited(name, client.id) && live.isTrusted(client)) {
      this.#admit(client, kept);
      return;
    }
    const channel = await this.#enter(name).catch((error: unknown) => {
      if (kept !== undefined && isParleyError(error) && error.code === "unknown_channel")
        throw new Refusal("NOT_INVITED", "The channel is for those who are invited.");
      throw error;
    });
    // It may have been left, or the client gone, meanwhile.
    if (client.isOpen && this.#open.get(name) === channel) this.#admit(client, channel);
  }

  /** Of a channel that one is not in: nothing at all. */
  leave(client: DoorClient, message: ClientMessageOf<"LEAVE">): void {
    const name = message.channel.slice(1);
    const channel = client.channels.get(name);
    if (channel === undefined) return;
    client.channels.delete(name);
    channel.dismiss(client);
  }

  /** The connection is gone: out of every channel. */
  leaveAll(client: DoorClient): void {
    for (const channel of client.channels.values()) channel.dismiss(client, true);
    client.channels.clear();
  }

  async list(client: DoorClient): Promise<void> {
    const list = (await this.#meshChannels()).slice(0, this.#options.bounds.listed).map(({ name, members }) => {
      const readers = this.#open.get(name)?.readers.size ?? 0;
      return { name: `#${name}`, agents: members + readers };
    });
    client.send({ type: "CHANNELS", list });
  }

  async listAgents(client: DoorClient, message: ClientMessageOf<"LIST_AGENTS">): Promise<void> {
    const name = message.channel.slice(1);
    const channel = client.channels.get(name) ?? this.#open.get(name);
    const list =
      channel?.agents ?? (await this.#meshMembers(name)).slice(0, this.#options.bounds.listed).map(memberAddress);
    client.send({ type: "AGENTS", channel: message.channel, list });
  }

  async create(client: DoorClient, message: ClientMessageOf<"CREATE_CHANNEL">): Promise<void> {
    const { bounds, clock, mesh } = this.#options;
    const name = message.channel.slice(1);
    const most = client.isAdmitted ? bounds.channelsMade : bounds.channelsMadeByGuest;
    if (client.channelsMade >= most || client.channels.size >= bounds.channelsPerClient)
      throw new Refusal("LIMIT_REACHED", `You may make ${most} channels and be in ${bounds.channelsPerClient}.`);
    const isOnMesh = (await this.#meshChannels()).some((channel) => channel.name === name);
    // Asked last: somebody else may have made it meanwhile.
    if (isOnMesh || this.#private.find(name) !== undefined || this.#open.has(name))
      throw new Refusal("CHANNEL_EXISTS", "A channel of this name exists.");
    if (!this.#made.take(clock.monotonic()))
      throw new Refusal("LIMIT_REACHED", "Too many channels were made at this door; wait a minute.");
    const channel =
      message.invite_only === true
        ? this.#private.make(this.#newChannel(name, true), client.id)
        : await this.#makeOpen(mesh, name);
    client.channelsMade++;
    if (client.isOpen) this.#admit(client, channel, [client.atId]);
  }

  async invite(client: DoorClient, message: ClientMessageOf<"INVITE">): Promise<void> {
    const { live, mesh } = this.#options;
    const name = message.channel.slice(1);
    const channel = client.channels.get(name);
    if (channel === undefined) throw await this.absent(name);
    const address = parseAddress(message.agent);
    if (address?.kind === "member") {
      if (channel.isPrivate)
        throw new Refusal(
          "INVALID_MSG",
          "This private channel is the door's own: it takes door clients only. Members of the mesh make invite-only channels themselves.",
        );
      await this.#within(mesh.invite(name, address.name));
      return;
    }
    if (address?.kind !== "client") throw new Refusal("AGENT_NOT_FOUND", "Nobody has this id or name.");
    if (channel.isPrivate) this.#private.invite(name, address.id);
    // From the door itself: whoever invites chooses no word of it.
    live.recipient(address.id)?.send({
      type: "MSG",
      from: memberAddress(mesh.self.name),
      to: `@${address.id}`,
      content: `${client.atId} invites you to ${channel.hashName}. To come in, send {"type":"JOIN","channel":"${channel.hashName}"}.`,
      ts: this.#options.clock.now(),
      from_name: mesh.self.name,
      standing: "member",
    });
  }

  /** Why somebody who is not in a channel cannot use it. */
  async absent(name: string): Promise<Refusal> {
    const exists =
      this.#private.find(name) !== undefined ||
      this.#open.has(name) ||
      (await this.#meshChannels()).some((channel) => channel.name === name);
    return exists
      ? new Refusal("NOT_INVITED", "Join the channel first.")
      : new Refusal("CHANNEL_NOT_FOUND", "There is no such channel.");
  }

  /** Leaves channels of the mesh that no client was in for long. */
  async beat(now: number): Promise<void> {
    for (const [name, channel] of this.#open) {
      if (channel.readers.size > 0) {
        this.#idleSince.delete(name);
        continue;
      }
      const since = this.#idleSince.get(name) ?? now;
      this.#idleSince.set(name, since);
      if (now - since < this.#options.bounds.idleChannelMs) continue;
      this.#close(channel);
      await this.#within(this.#options.mesh.leave(name));
    }
  }

  #admit(client: DoorClient, channel: DoorChannel, agents?: readonly string[]): void {
    client.channels.set(channel.name, channel);
    channel.admit(client, agents);
  }

  async #makeOpen(mesh: DoorMesh, name: string): Promise<DoorChannel> {
    await this.#within(mesh.create(name));
    this.#listed = undefined;
    return this.#enter(name);
  }

  /** The door is in the channel afterwards; once, however many ask. */
  #enter(name: string): Promise<DoorChannel> {
    const open = this.#open.get(name);
    if (open !== undefined) return Promise.resolve(open);
    const entering = this.#entering.get(name) ?? this.#enterAnew(name);
    this.#entering.set(name, entering);
    return entering;
  }

  async #enterAnew(name: string): Promise<DoorChannel> {
    const { mesh, replay } = this.#options;
    const channel = this.#newChannel(name, false);
    try {
      const members = await this.#within(
        mesh.enter(name, replay, {
          onPost: (post, replayed) => channel.takePost(post, replayed),
          onChanged: (id, text) => channel.change(id, text),
          onJoined: (member) => channel.memberJoined(member),
          onLeft: (member) => channel.memberLeft(member),
          onGone: () => this.#close(channel),
        }),
      );
      channel.setMembers(members);
      this.#open.set(name, channel);
      return channel;
    } finally {
      this.#entering.delete(name);
    }
  }

  /** The door is out of it: so is everybody here. */
  #close(channel: DoorChannel): void {
    if (this.#open.get(channel.name) === channel) this.#open.delete(channel.name);
    this.#idleSince.delete(channel.name);
    for (const client of this.#options.live.all)
      if (client.channels.get(channel.name) === channel)
        this.leave(client, { type: "LEAVE", channel: channel.hashName });
  }

  #newChannel(name: string, isPrivate: boolean): DoorChannel {
    const { replay, bounds, clock, mesh } = this.#options;
    return new DoorChannel({
      name,
      isPrivate,
      replay,
      replayBytes: bounds.replayBytes,
      listed: bounds.listed,
      now: () => clock.now(),
      self: mesh.self.member,
    });
  }

  #meshChannels(): Promise<readonly MeshChannel[]> {
    const now = this.#options.clock.monotonic();
    if (this.#listed === undefined || now - this.#listed.at >= freshMs) {
      const value = this.#within(this.#options.mesh.channels());
      this.#listed = { at: now, value };
      value.catch(() => (this.#listed = undefined));
    }
    return this.#listed.value;
  }

  #meshMembers(name: string): Promise<readonly string[]> {
    const now = this.#options.clock.monotonic();
    const kept = this.#members.get(name);
    if (kept !== undefined && now - kept.at < freshMs) return kept.value;
    if (this.#members.size >= mostListsKept) this.#members.clear();
    const value = this.#within(this.#options.mesh.members(name));
    this.#members.set(name, { at: now, value });
    value.catch(() => this.#members.delete(name));
    return value;
  }

  #within<Value>(answer: Promise<Value>): Promise<Value> {
    return withinTime(this.#options.clock, this.#options.bounds.meshMs, answer);
  }
}
