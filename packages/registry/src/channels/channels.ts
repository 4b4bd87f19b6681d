import { type Clock, type Random, type Records, sha256 } from "@parley/core";
import { type Channel, limits, ParleyError, type RequestBody, type Retention, toBase64url } from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import { JsonRecords } from "../json-records.ts";
import { keys, prefixes } from "../keys.ts";
import { pageCharacters } from "../page-room.ts";
import type { ChannelLog } from "./channel-log.ts";
import { inForce, lasting, requireUnbanned } from "./channel-restriction.ts";
import {
  type ChannelCaller,
  isIn,
  isOpenTo,
  maySee,
  maySettle,
  requireIn,
  requireInScope,
  requireOpen,
  requireSettler,
  viewOf,
} from "./channel-rules.ts";
import type { ChannelTable, KnownChannel } from "./channel-table.ts";
import {
  type ChannelNameHolder,
  channelNameHolderSchema,
  type StoredChannel,
  type StoredChannelMember,
  storedChannelMemberSchema,
  storedChannelSchema,
} from "./stored-channel.ts";

const restrictionKinds = ["muted", "banned"] as const;

/** Channels that are there from the start. */
const firstChannels = ["general", "agents"] as const;

export interface ChannelsOptions {
  readonly records: Records;
  readonly log: ChannelLog;
  readonly table: ChannelTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: RegistryBounds;
  readonly isRevoked: (member: string) => boolean;
}

/** A channel by name or id. */
export type WantedChannel = { readonly name: string } | { readonly channel: string };

/**
 * Making channels, coming in, going out, and what their owners and operators decide. A channel is there once its record
 * is; its name was reserved before and its maker put in, so that whatever is cut short leaves nothing half made.
 */
export class Channels {
  readonly #options: ChannelsOptions;
  readonly #channels: JsonRecords<StoredChannel>;
  readonly #names: JsonRecords<ChannelNameHolder>;
  readonly #members: JsonRecords<StoredChannelMember>;

  constructor(options: ChannelsOptions) {
    this.#options = options;
    this.#channels = new JsonRecords(options.records, storedChannelSchema);
    this.#names = new JsonRecords(options.records, channelNameHolderSchema);
    this.#members = new JsonRecords(options.records, storedChannelMemberSchema);
  }

  /** Makes the channels that every mesh has. Doing it again changes nothing. */
  async openFirst(mesh: string): Promise<void> {
    const { clock } = this.#options;
    for (const name of firstChannels) {
      const id = await sha256(`parley channel ${mesh} ${name}`);
      await this.#names.change(keys.channelName(name), (current) =>
        current === undefined ? { channel: id, at: clock.now() } : undefined,
      );
      await this.#change(id, (current) =>
        current === undefined
          ? {
              name,
              kind: "public",
              encrypted: false,
              topic: "",
              history: "all",
              retention: this.#retention({}),
              created: clock.now(),
            }
          : undefined,
      );
    }
  }

  /** By name or id, as far as the caller may know of it. The table may be late: the store has the last word before it throws `unknown_channel`. */
  async find(wanted: WantedChannel, caller: ChannelCaller): Promise<KnownChannel> {
    const { table } = this.#options;
    const known = "channel" in wanted ? table.get(wanted.channel) : table.byName(wanted.name);
    if (known !== undefined && maySee(known, caller)) return known;
    const id =
      "channel" in wanted ? wanted.channel : (await this.#names.get(keys.channelName(wanted.name)))?.value.channel;
    if (id !== undefined) await this.refresh(id, caller.member);
    const found = id === undefined ? undefined : table.get(id);
    if (found === undefined || !maySee(found, caller)) throw new ParleyError("unknown_channel");
    return found;
  }

  /** As `find`, of one that the caller is in. Throws `not_in_channel`, or `unknown_channel` for what it may not know of. */
  async findOwn(channel: string, caller: ChannelCaller): Promise<KnownChannel> {
    const known = this.#options.table.get(channel);
    if (known !== undefined && isIn(known, caller.member) && maySee(known, caller)) return known;
    await this.refresh(channel, caller.member);
    const found = await this.find({ channel }, caller);
    requireIn(found, caller.member);
    return found;
  }

  /** Brings the table up to what the store has of a channel and of one member in it. */
  async refresh(channel: string, member: string): Promise<void> {
    const { table } = this.#options;
    const [record, standing] = await Promise.all([
      this.#channels.get(keys.channel(channel)),
      this.#members.get(keys.channelMember(channel, member)),
    ]);
    if (record !== undefined) table.apply(channel, record.value, record.revision);
    if (standing !== undefined) table.applyMember(channel, member, standing.value, standing.revision);
  }

  /** Makes a channel with its maker in it. Throws `name_taken` or `limit_reached`. */
  async create(caller: ChannelCaller, wanted: RequestBody<"channel.create">): Promise<KnownChannel> {
    const { table, clock, bounds } = this.#options;
    const { name, kind, topic = "", history = "all", retention = {} } = wanted;
    requireInScope(name, caller);
    if (table.size >= bounds.channels)
      throw new ParleyError("limit_reached", { message: "The mesh has as many channels as it can." });
    this.#checkCreated(caller.member);
    this.#checkMade(caller.member);
    this.#checkOwnChannels(caller.member);
    const id = await this.#reserveName(name, caller.member);
    await this.#changeMember(id, caller.member, (current) =>
      current?.state === "in" ? undefined : { state: "in", since: clock.now(), after: 0 },
    );
    const encrypted = kind === "invite";
    const made: StoredChannel = {
      name,
      kind,
      encrypted,
      topic,
      history,
      retention: this.#retention(retention),
      createdBy: caller.member,
      created: clock.now(),
    };
    await this.#change(id, (current) => (current === undefined ? made : undefined));
    return this.#known(id);
  }

  /** One page of what a member may know of, by name. */
  list(
    caller: ChannelCaller,
    { joined, archived, after = "", limit = limits.pageSize }: RequestBody<"channel.list">,
  ): { channels: Channel[]; next?: string } {
    const seen = [...this.#options.table.all()]
      .filter(
        (channel) =>
          maySee(channel, caller) &&
          (joined === undefined || joined === isIn(channel, caller.member)) &&
          (archived === true || channel.record.archived === undefined) &&
          channel.record.name > after,
      )
      .sort((one, other) => (one.record.name < other.record.name ? -1 : 1));
    const channels: Channel[] = [];
    let characters = 0;
    for (const channel of seen) {
      const view = viewOf(channel, caller.member);
      characters += JSON.stringify(view).length;
      const last = channels.at(-1);
      if (last !== undefined && (channels.length >= limit || characters > pageCharacters))
        return { channels, next: last.name };
      channels.push(view);
    }
    return { channels };
  }

  /** Comes in. Throws `unknown_channel`, `not_invited` or `limit_reached`. */
  async join(wanted: WantedChannel, caller: ChannelCaller): Promise<KnownChannel> {
    const { log, clock, bounds, isRevoked } = this.#options;
    const { member } = caller;
    const channel = await this.find(wanted, caller);
    if (isIn(channel, member)) return channel;
    requireUnbanned(channel, member, clock.now());
    if (channel.joined >= bounds.channelMembers)
      throw new ParleyError("limit_reached", { message: "The channel has as many members as it can." });
    this.#checkOwnChannels(member);
    const { last } = await log.bounds(channel.id);
    await this.#changeMember(channel.id, member, (current) => {
      if (current?.state === "in") return undefined;
      const members = new Map(current === undefined ? [] : [[member, current]]);
      if (!isOpenTo({ record: channel.record, members }, member)) throw new ParleyError("not_invited");
      const { invitation } = current ?? {};
      const kept = current?.state === "invited" && invitation !== undefined ? { invitation } : {};
      return { ...lasting(current), state: "in", since: clock.now(), after: last, ...kept };
    });
    // A list that came while the record was written did not find it.
    if (isRevoked(member)) await this.#takeOut(channel.id, member, "removed");
    return this.#known(channel.id);
  }

  /** Goes out. Again changes nothing. */
  async leave(channel: string, caller: ChannelCaller): Promise<void> {
    await this.find({ channel }, caller);
    await this.#takeOut(channel, caller.member, "left");
  }

  /** Takes somebody out, or an invitation back. Throws `forbidden`. */
  async kick(channel: string, member: string, caller: ChannelCaller): Promise<void> {
    const found = await this.find({ channel }, caller);
    if (member === caller.member) return this.leave(channel, caller);
    requireSettler(found, caller);
    await this.#takeOut(channel, member, "kicked", caller.member);
  }

  /** Mutes a member here, or bans it, which takes it out, too. Throws `forbidden`. */
  async restrict(
    caller: ChannelCaller,
    { channel, member, kind, forMs, reason }: RequestBody<"channel.restrict">,
  ): Promise<void> {
    const { clock } = this.#options;
    const found = await this.find({ channel }, caller);
    requireSettler(found, caller);
    if (member === caller.member)
      throw new ParleyError("self_call", { message: "Nobody mutes or bans itself; `parley channel leave` goes out." });
    await this.refresh(channel, member);
    const at = clock.now();
    const held = {
      at,
      by: caller.member,
      ...(forMs === undefined ? {} : { until: at + forMs }),
      ...(reason === undefined ? {} : { reason }),
    };
    await this.#changeMember(channel, member, (current) => {
      const before = current ?? { state: "out" as const, since: at, after: 0 };
      if (kind === "muted" || before.state === "out") return { ...before, [kind]: held };
      return { ...lasting(before), banned: held, state: "out", since: at, why: "kicked", by: caller.member, after: 0 };
    });
  }

  /** Takes that off. Throws `forbidden`. */
  async lift(caller: ChannelCaller, { channel, member, kind }: RequestBody<"channel.lift">): Promise<void> {
    const found = await this.find({ channel }, caller);
    requireSettler(found, caller);
    await this.#changeMember(channel, member, (current) => {
      if (current?.[kind] === undefined) return undefined;
      const { [kind]: _, ...rest } = current;
      return rest;
    });
  }

  /** Lets somebody come in. `invitation` was checked. Throws `not_in_channel`, `archived` or `limit_reached`. */
  async invite(channel: KnownChannel, member: string, by: string, invitation: string | undefined): Promise<void> {
    const { clock, bounds } = this.#options;
    requireOpen(channel);
    requireUnbanned(channel, member, clock.now());
    if (channel.invited >= bounds.channelInvited && channel.members.get(member)?.state !== "invited")
      throw new ParleyError("limit_reached", { message: "As many are invited to this channel as can be." });
    await this.#changeMember(channel.id, member, (current) => {
      const signed = invitation === undefined ? {} : { invitation };
      // Who is in already may need another one: the device that signed the first may be gone.
      if (current?.state === "in") return invitation === undefined ? undefined : { ...current, by, ...signed };
      if (current?.state === "invited" && current.by === by && invitation === undefined) return undefined;
      return { ...lasting(current), state: "invited", since: clock.now(), by, after: 0, ...signed };
    });
  }

  /** Changes the topic, or what only owners and operators may. Throws `forbidden`, `not_in_channel` or `archived`. */
  async set(caller: ChannelCaller, wanted: RequestBody<"channel.set">): Promise<KnownChannel> {
    const { clock } = this.#options;
    const { channel: id, topic, history, retention, archived } = wanted;
    const channel = await this.find({ channel: id }, caller);
    const settles = maySettle(channel, caller);
    const isTopicOnly = history === undefined && retention === undefined && archived === undefined;
    if (!settles) requireIn(channel, caller.member);
    if (!settles && !isTopicOnly)
      throw new ParleyError("forbidden", { message: "Only the channel's owner and operators change this." });
    if (archived !== false) {
      if (archived === undefined) requireOpen(channel);
    } else if (channel.record.archived !== undefined && channel.record.createdBy !== undefined)
      this.#checkCreated(channel.record.createdBy);
    await this.#change(id, (current) => {
      if (current === undefined) throw new ParleyError("unknown_channel");
      const { archived: before, ...rest } = current;
      const since = archived === undefined ? before : archived ? (before ?? clock.now()) : undefined;
      const next: StoredChannel = {
        ...rest,
        ...(topic === undefined ? {} : { topic }),
        ...(history === undefined ? {} : { history }),
        retention: this.#retention(retention ?? {}, current.retention),
        ...(since === undefined ? {} : { archived: since }),
        by: caller.member,
      };
      return JSON.stringify({ ...next, by: "" }) === JSON.stringify({ ...current, by: "" }) ? undefined : next;
    });
    return this.#known(id);
  }

  /** Who is revoked is in no channel any more. Doing it again changes nothing. */
  async remove(members: readonly string[]): Promise<void> {
    for (const member of members)
      for (const { id, members: standing } of this.#options.table.all())
        if ((standing.get(member)?.state ?? "out") !== "out") await this.#takeOut(id, member, "removed");
  }

  /** Forgets who left long enough ago, and what was reserved for channels that never came. */
  async sweep(): Promise<void> {
    const { clock, bounds, table } = this.#options;
    const before = clock.now() - bounds.channelTraceMs;
    for (const { channel, member, trace } of table.traces()) {
      if (trace.since > before) continue;
      const record = table.get(channel)?.record;
      // A maker that was taken out must not come back by its name.
      if (record?.createdBy === member && trace.why === "kicked") continue;
      await this.#members.deleteIf(
        keys.channelMember(channel, member),
        (current) =>
          current.since <= before &&
          (record === undefined ||
            (current.state === "out" && !restrictionKinds.some((kind) => inForce(current, kind, clock.now())))),
      );
    }
    for await (const { key, value } of this.#names.all(prefixes.channelName, 2 * bounds.channels))
      if (value.at <= before && table.get(value.channel) === undefined && (await this.#isAbsent(value.channel)))
        await this.#names.deleteIf(key, (current) => current.channel === value.channel && current.at <= before);
  }

  async #isAbsent(channel: string): Promise<boolean> {
    return (await this.#channels.get(keys.channel(channel))) === undefined;
  }

  /** Answers the id of the channel that is to be made; the same for the same maker that tries again. */
  async #reserveName(name: string, by: string): Promise<string> {
    const { random, clock, bounds } = this.#options;
    const fresh = toBase64url(random.bytes(32));
    const holder = await this.#names.change(keys.channelName(name), async (current) => {
      if (current !== undefined) {
        if (!(await this.#isAbsent(current.channel))) throw taken();
        if (current.by === by) return undefined;
        if (clock.now() - current.at <= bounds.channelTraceMs) throw taken();
      }
      return { channel: fresh, by, at: clock.now() };
    });
    return holder?.value.channel ?? fresh;
  }

  async #takeOut(channel: string, member: string, why: "left" | "kicked" | "removed", by?: string): Promise<void> {
    const since = this.#options.clock.now();
    await this.#changeMember(channel, member, (current) =>
      current === undefined || current.state === "out"
        ? undefined
        : { ...lasting(current), state: "out", since, why, after: 0, ...(by === undefined ? {} : { by }) },
    );
  }

  #retention(wanted: RequestBody<"channel.create">["retention"] & object, before?: Retention): Retention {
    const { channelPosts, channelBytes, channelAgeMs } = this.#options.bounds;
    const base = before ?? { posts: channelPosts, bytes: channelBytes, ageMs: channelAgeMs };
    return {
      posts: wanted.posts ?? base.posts,
      bytes: wanted.bytes ?? base.bytes,
      ageMs: wanted.ageMs ?? base.ageMs,
    };
  }

  #checkCreated(member: string): void {
    const { table, bounds } = this.#options;
    let created = 0;
    for (const { record } of table.all()) if (record.createdBy === member && record.archived === undefined) created++;
    if (created >= bounds.channelsCreated)
      throw new ParleyError("limit_reached", { message: "The member made as many channels as it can; archive one." });
  }

  /** An archived channel keeps its place in the mesh: nobody gets all of them by making and archiving. */
  #checkMade(member: string): void {
    const { table, bounds } = this.#options;
    let made = 0;
    for (const { record } of table.all()) if (record.createdBy === member) made++;
    if (made >= bounds.channelsMade)
      throw new ParleyError("limit_reached", {
        message: "The member made as many channels as it ever can; bring back an archived one, or ask another member.",
      });
  }

  #checkOwnChannels(member: string): void {
    const { table, bounds } = this.#options;
    if (table.ofMember(member).size >= bounds.channelsPerMember)
      throw new ParleyError("limit_reached", { message: "The member is in as many channels as it can; leave one." });
  }

  #known(id: string): KnownChannel {
    const known = this.#options.table.get(id);
    if (known === undefined) throw new ParleyError("unknown_channel");
    return known;
  }

  async #change(id: string, next: (current: StoredChannel | undefined) => StoredChannel | undefined): Promise<void> {
    const stored = await this.#channels.change(keys.channel(id), next);
    if (stored !== undefined) this.#options.table.apply(id, stored.value, stored.revision);
  }

  async #changeMember(
    id: string,
    member: string,
    next: (current: StoredChannelMember | undefined) => StoredChannelMember | undefined,
  ): Promise<void> {
    const stored = await this.#members.change(keys.channelMember(id, member), next);
    if (stored !== undefined) this.#options.table.applyMember(id, member, stored.value, stored.revision);
  }
}

const taken = (): ParleyError =>
  new ParleyError("name_taken", { message: "A channel with this name, or one that looks the same, exists." });
