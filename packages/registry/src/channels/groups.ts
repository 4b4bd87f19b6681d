import type { Log, RecordChange, Records } from "@parley/core";
import { id32Schema, limits, ParleyError, type ReplyBody, type RequestBody } from "@parley/protocol";
import { z } from "zod";

import type { Directory } from "../directory.ts";
import { JsonRecords } from "../json-records.ts";
import { afterPrefix, keys, prefixes } from "../keys.ts";
import { pageCharacters } from "../page-room.ts";
import type { KnownChannel } from "./channel-table.ts";
import { groupCommitSchema, GroupCommits } from "./group-commits.ts";

const storedGroupSchema = z.object({
  epoch: z.int().min(0),
  info: z.string().min(1),
  /** Devices in the group, as the last committer said. */
  devices: z.array(id32Schema),
  /** The newest commit, which led into the epoch; the log has those before it. */
  commit: groupCommitSchema.optional(),
});
type StoredGroup = z.infer<typeof storedGroupSchema>;

/** A group without what only its newcomers need. */
interface KnownGroup {
  readonly epoch: number;
  readonly devices: readonly string[];
  readonly revision: number;
}

interface ToRemove {
  readonly of: readonly [group: number, channel: number, directory: number];
  readonly devices: readonly string[];
}

export interface GroupsOptions {
  readonly records: Records;
  readonly log: Log;
  readonly directory: Directory;
  readonly mostCommits: number;
  /** A group has another epoch, whichever node wrote it. */
  readonly onChange: (channel: string) => void;
}

/**
 * The MLS groups of encrypted channels (RFC 9420), as far as the registry has to do with them: one record for each says
 * which epoch is the present one and is changed conditionally; what is in the commits only the members' devices know.
 */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #stored: JsonRecords<StoredGroup>;
  readonly #commits: GroupCommits;
  readonly #known = new Map<string, KnownGroup>();
  readonly #toRemove = new Map<string, ToRemove>();

  constructor(options: GroupsOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedGroupSchema);
    this.#commits = new GroupCommits(options.log, options.mostCommits);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.channelGroup, (change) => this.#follow(change), { signal });
  }

  /** The present epoch, as far as is known here. */
  epoch(channel: string): number | undefined {
    return this.#known.get(channel)?.epoch;
  }

  /** The epoch that posts have to be of; undefined while nobody may post. */
  epochForPosts(channel: KnownChannel): number | undefined {
    return this.toRemove(channel).length > 0 ? undefined : this.epoch(channel.id);
  }

  /** Devices in the group that are to go: of nobody who is in the channel, or off their member's list. */
  toRemove(channel: KnownChannel): readonly string[] {
    const { directory } = this.#options;
    const group = this.#known.get(channel.id);
    if (group === undefined) return [];
    const before = this.#toRemove.get(channel.id);
    const of = [group.revision, channel.version, directory.version] as const;
    if (before !== undefined && of.every((number, index) => before.of[index] === number)) return before.devices;
    const stays = this.#devicesOf(channel);
    const devices = group.devices.filter((device) => !stays.has(device));
    this.#toRemove.set(channel.id, { of, devices });
    return devices;
  }

  /**
   * Leads the group into its next epoch, or makes it. Throws `group_changed` when another commit came first, or when the
   * commit leaves devices in that are to go; only one that is in the group takes them out.
   */
  async commit(channel: KnownChannel, device: string, body: RequestBody<"group.commit">): Promise<{ epoch: number }> {
    const { commit = "", info, devices } = body;
    // Both come in one control message, and each goes out in one.
    if (commit.length + info.length > pageCharacters)
      throw new ParleyError("too_large", { message: "The commit and what newcomers need are too large together." });
    if (!devices.includes(device))
      throw new ParleyError("invalid_argument", { message: "devices: lacks the device that commits" });
    const stays = this.#devicesOf(channel);
    if (!devices.every((each) => stays.has(each))) throw new ParleyError("group_changed");
    const stored =
      body.commit === undefined ? await this.#make(channel, body) : await this.#advance(channel, device, body);
    this.#take(channel.id, stored.value, stored.revision);
    const { epoch, commit: newest } = stored.value;
    // Cut short here, the next commit does it.
    if (newest !== undefined) await this.#commits.keep(channel.id, newest);
    return { epoch };
  }

  async commits(channel: KnownChannel, from: number): Promise<ReplyBody<"group.commits">> {
    const stored = (await this.#stored.get(keys.channelGroup(channel.id)))?.value;
    const remove = [...this.toRemove(channel)].slice(0, limits.encryptedDevices);
    const stays = this.#devicesOf(channel);
    // One that nobody is left in whom it may have is made anew.
    if (stored?.devices.some((device) => stays.has(device)) !== true)
      return { first: 0, commits: [], complete: true, remove };
    const { epoch, commit: newest } = stored;
    const { commits, first } = await this.#commits.from(channel.id, from, limits.pageSize);
    const all = commits.filter((each) => each.epoch < epoch);
    if (newest !== undefined && newest.epoch >= from && all.at(-1)?.epoch === newest.epoch - 1) all.push(newest);
    if (newest !== undefined && all.length === 0 && newest.epoch >= from) all.push(newest);
    const page = inOnePage(all);
    const next = (page.at(-1)?.epoch ?? from - 1) + 1;
    return {
      epoch,
      first: first ?? newest?.epoch ?? epoch,
      commits: page,
      complete: next >= epoch,
      remove,
    };
  }

  /** Throws `not_found` while nobody has made the group. */
  async info(channel: KnownChannel): Promise<ReplyBody<"group.info">> {
    const stored = await this.#stored.get(keys.channelGroup(channel.id));
    if (stored === undefined)
      throw new ParleyError("not_found", { message: "Nobody has made this channel's group yet." });
    return { epoch: stored.value.epoch, info: stored.value.info };
  }

  async #make(channel: KnownChannel, { epoch, info, devices }: RequestBody<"group.commit">): Promise<Stored> {
    if (epoch !== undefined)
      throw new ParleyError("invalid_argument", { message: "commit: is missing, or `epoch` is too many" });
    const stays = this.#devicesOf(channel);
    let isAnew = false;
    const stored = await this.#stored.change(keys.channelGroup(channel.id), (current) => {
      // A group that nobody is left in whom it may have is made anew.
      if (current?.devices.some((each) => stays.has(each)) === true) throw new ParleyError("group_changed");
      isAnew = current !== undefined;
      return { epoch: 0, info, devices };
    });
    if (isAnew) await this.#commits.remove(channel.id);
    return present(stored);
  }

  async #advance(channel: KnownChannel, by: string, body: RequestBody<"group.commit">): Promise<Stored> {
    const { epoch, commit = "", invitation, info, devices } = body;
    const stays = this.#devicesOf(channel);
    const stored = await this.#stored.change(keys.channelGroup(channel.id), async (current) => {
      // The same once more, because its answer was lost.
      if (current?.commit !== undefined && current.commit.epoch === epoch && current.commit.commit === commit)
        return undefined;
      if (current === undefined || current.epoch !== epoch) throw new ParleyError("group_changed");
      const isFromOutside = !current.devices.includes(by);
      if (isFromOutside && current.devices.some((each) => !stays.has(each))) throw new ParleyError("group_changed");
      // The record holds the newest only: the one before has to be in the log first.
      if (current.commit !== undefined) await this.#commits.keep(channel.id, current.commit);
      return {
        epoch: epoch + 1,
        info,
        devices,
        commit: { epoch, by, commit, ...(invitation === undefined ? {} : { invitation }) },
      };
    });
    return present(stored);
  }

  /** Devices on the lists of everybody who is in the channel and not revoked. */
  #devicesOf(channel: KnownChannel): ReadonlySet<string> {
    const stays = new Set<string>();
    for (const [member, { state }] of channel.members)
      if (state === "in") for (const device of this.#options.directory.devicesOf(member)) stays.add(device);
    return stays;
  }

  #follow(change: RecordChange): void {
    const channel = afterPrefix(change.key, prefixes.channelGroup);
    const stored = this.#stored.decode(change.value);
    if (stored !== undefined) this.#take(channel, stored, change.revision);
  }

  #take(channel: string, { epoch, devices }: StoredGroup, revision: number): void {
    const before = this.#known.get(channel);
    if ((before?.revision ?? 0) >= revision) return;
    this.#known.set(channel, { epoch, devices, revision });
    this.#options.onChange(channel);
  }
}

interface Stored {
  readonly value: StoredGroup;
  readonly revision: number;
}

function present(stored: Stored | undefined): Stored {
  if (stored === undefined) throw new ParleyError("group_changed");
  return stored;
}

/** The first that fit into one control message, at least one. */
function inOnePage<Commit extends object>(commits: readonly Commit[]): Commit[] {
  let characters = 0;
  const most = commits.findIndex((commit, index) => {
    characters += JSON.stringify(commit).length + 1;
    return index > 0 && (characters > pageCharacters || index >= limits.pageSize);
  });
  return commits.slice(0, most === -1 ? commits.length : most);
}
