import type { RecordChange, Records } from "@parley/core";
import { foldName } from "@parley/protocol";

import { JsonRecords } from "../json-records.ts";
import { afterPrefix, prefixes } from "../keys.ts";
import {
  type StoredChannel,
  storedChannelMemberSchema,
  type StoredChannelMember,
  storedChannelSchema,
} from "./stored-channel.ts";

/** A channel as it is known here, with everybody who is in it, is invited, or left a trace. */
export interface KnownChannel {
  readonly id: string;
  readonly record: StoredChannel;
  readonly members: ReadonlyMap<string, StoredChannelMember>;
  /** Members that are in it. */
  readonly joined: number;
  /** Members that are invited and did not come yet. */
  readonly invited: number;
  /** Grows with every change of who is in it. */
  readonly version: number;
}

/** What a table tells of changes, whichever node made them: once each, in order for each record. */
export interface ChannelTableEvents {
  readonly onChannel: (channel: KnownChannel, before: StoredChannel | undefined) => void;
  readonly onMember: (
    channel: KnownChannel,
    member: string,
    now: StoredChannelMember,
    before: StoredChannelMember | undefined,
  ) => void;
}

interface Place {
  record: StoredChannel | undefined;
  revision: number;
  readonly members: Map<string, StoredChannelMember>;
  readonly revisions: Map<string, number>;
  joined: number;
  invited: number;
  version: number;
}

const out: StoredChannelMember = { state: "out", since: 0, after: 0 };

/** All channels and who is in them: a projection of their records, kept by watching them. */
export class ChannelTable {
  readonly #records: Records;
  readonly #channelDecoder: JsonRecords<StoredChannel>;
  readonly #memberDecoder: JsonRecords<StoredChannelMember>;
  readonly #events: ChannelTableEvents;
  readonly #places = new Map<string, Place>();
  readonly #names = new Map<string, string>();
  readonly #byMember = new Map<string, Set<string>>();
  #channels = 0;

  constructor(records: Records, events: ChannelTableEvents) {
    this.#records = records;
    this.#channelDecoder = new JsonRecords(records, storedChannelSchema);
    this.#memberDecoder = new JsonRecords(records, storedChannelMemberSchema);
    this.#events = events;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#records.watch(prefixes.channel, (change) => this.#followChannel(change), { signal });
    await this.#records.watch(prefixes.channelMember, (change) => this.#followMember(change), { signal });
  }

  /** Channels, archived ones included. */
  get size(): number {
    return this.#channels;
  }

  get(id: string): KnownChannel | undefined {
    const place = this.#places.get(id);
    return place?.record === undefined ? undefined : known(id, place.record, place);
  }

  byName(name: string): KnownChannel | undefined {
    const id = this.#names.get(foldName(name));
    return id === undefined ? undefined : this.get(id);
  }

  /** Ids of the channels that a member is in. */
  ofMember(member: string): ReadonlySet<string> {
    return this.#byMember.get(member) ?? new Set();
  }

  *all(): IterableIterator<KnownChannel> {
    for (const [id, place] of this.#places) if (place.record !== undefined) yield known(id, place.record, place);
  }

  /** Every record of a member that is in no channel any more, with its revision's age in its `since`. */
  *traces(): IterableIterator<{
    readonly channel: string;
    readonly member: string;
    readonly trace: StoredChannelMember;
  }> {
    for (const [channel, place] of this.#places)
      for (const [member, trace] of place.members)
        if (trace.state === "out" || place.record === undefined) yield { channel, member, trace };
  }

  /** Takes a change of a channel, from the watch or from whoever just wrote it; an older one is passed over. */
  apply(id: string, record: StoredChannel, revision: number): void {
    const place = this.#place(id);
    if (place.revision >= revision) return;
    const before = place.record;
    place.record = record;
    place.revision = revision;
    if (before === undefined) this.#channels++;
    this.#names.set(foldName(record.name), id);
    this.#events.onChannel(known(id, record, place), before);
  }

  /** As `apply`, of a member. */
  applyMember(id: string, member: string, stored: StoredChannelMember, revision: number): void {
    const place = this.#place(id);
    if ((place.revisions.get(member) ?? 0) >= revision) return;
    const before = place.members.get(member);
    place.members.set(member, stored);
    place.revisions.set(member, revision);
    this.#count(id, place, member, before, stored);
    if (place.record !== undefined) this.#events.onMember(known(id, place.record, place), member, stored, before);
  }

  #followChannel(change: RecordChange): void {
    const record = this.#channelDecoder.decode(change.value);
    if (record !== undefined) this.apply(afterPrefix(change.key, prefixes.channel), record, change.revision);
  }

  #followMember(change: RecordChange): void {
    const [id = "", member = ""] = afterPrefix(change.key, prefixes.channelMember).split("/");
    const stored = this.#memberDecoder.decode(change.value);
    if (stored !== undefined) return this.applyMember(id, member, stored, change.revision);
    const place = this.#places.get(id);
    if (place === undefined || (place.revisions.get(member) ?? 0) > change.revision) return;
    this.#count(id, place, member, place.members.get(member), out);
    place.members.delete(member);
    place.revisions.delete(member);
    if (place.record === undefined && place.members.size === 0) this.#places.delete(id);
  }

  #count(
    id: string,
    place: Place,
    member: string,
    before: StoredChannelMember | undefined,
    now: StoredChannelMember,
  ): void {
    place.joined += Number(now.state === "in") - Number(before?.state === "in");
    place.invited += Number(now.state === "invited") - Number(before?.state === "invited");
    place.version++;
    const channels = this.#byMember.get(member) ?? new Set<string>();
    if (now.state === "in") this.#byMember.set(member, channels.add(id));
    else if (channels.delete(id) && channels.size === 0) this.#byMember.delete(member);
  }

  #place(id: string): Place {
    const found = this.#places.get(id);
    if (found !== undefined) return found;
    const place: Place = {
      record: undefined,
      revision: 0,
      members: new Map(),
      revisions: new Map(),
      joined: 0,
      invited: 0,
      version: 0,
    };
    this.#places.set(id, place);
    return place;
  }
}

function known(id: string, record: StoredChannel, { members, joined, invited, version }: Place): KnownChannel {
  return { id, record, members, joined, invited, version };
}
