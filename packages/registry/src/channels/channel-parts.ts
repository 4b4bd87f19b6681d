import type { Clock, Random, Stores } from "@parley/core";

import type { Authority } from "../authority.ts";
import type { RegistryBounds } from "../bounds.ts";
import type { Budgets } from "../budgets/budgets.ts";
import type { Directory } from "../directory.ts";
import type { MeshState } from "../mesh-state.ts";
import type { NodeCounters } from "../node-counters.ts";
import type { SessionTable } from "../session-table.ts";
import { ChannelEvents } from "./channel-events.ts";
import { ChannelFeed } from "./channel-feed.ts";
import { ChannelHistory } from "./channel-history.ts";
import { ChannelLog } from "./channel-log.ts";
import { ChannelRetention } from "./channel-retention.ts";
import { ChannelTable, type KnownChannel } from "./channel-table.ts";
import { Channels } from "./channels.ts";
import { Floors } from "./floors.ts";
import { Groups } from "./groups.ts";
import { PostApprovals } from "./post-approvals.ts";
import { PostBatches } from "./post-batches.ts";
import { Posting } from "./posting.ts";
import type { StoredChannelMember } from "./stored-channel.ts";

/** What a node has for channels. */
export interface ChannelParts {
  readonly channels: Channels;
  readonly channelTable: ChannelTable;
  readonly channelLog: ChannelLog;
  readonly channelHistory: ChannelHistory;
  readonly channelRetention: ChannelRetention;
  readonly channelFeed: ChannelFeed;
  readonly channelEvents: ChannelEvents;
  readonly floors: Floors;
  readonly groups: Groups;
  readonly posting: Posting;
  /** A member's devices are others than before: those who are with it in encrypted channels hear of it if some are to go. */
  readonly tellGroupsOf: (member: string) => void;
}

export interface ChannelPartsOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: RegistryBounds;
  readonly counters: NodeCounters;
  readonly table: SessionTable;
  readonly mesh: MeshState;
  readonly directory: Directory;
  readonly authority: Authority;
  readonly budgets: Pick<Budgets, "count">;
  readonly node: string;
  readonly mayVouch: (member: string) => boolean;
  readonly onError: (error: unknown) => void;
}

/** Makes them, each of those before it. */
export function makeChannelParts(options: ChannelPartsOptions): ChannelParts {
  const {
    stores,
    clock,
    random,
    bounds,
    counters,
    table: sessions,
    mesh,
    directory,
    authority,
    budgets,
    node,
    mayVouch,
    onError,
  } = options;
  const { records, log: store, bus } = stores;
  const now = (): number => clock.now();
  const channelLog = new ChannelLog(store, now);
  const batches = new PostBatches({ log: channelLog, bounds, counters });
  const channelFeed = new ChannelFeed({ log: channelLog, batches, bus, clock, node, bounds, counters, onError });
  const tellGroup = (channel: KnownChannel): void => {
    const epoch = groups.epoch(channel.id);
    if (epoch === undefined) return;
    for (const [member, { state }] of channel.members)
      if (state === "in")
        for (const session of sessions.ofMember(member)) session.push("group.changed", { channel: channel.id, epoch });
  };
  const groups = new Groups({
    records,
    log: store,
    directory,
    mostCommits: bounds.groupCommits,
    onChange: (id) => {
      const channel = channelTable.get(id);
      if (channel !== undefined) tellGroup(channel);
    },
  });
  const onMember = (
    channel: KnownChannel,
    member: string,
    standing: StoredChannelMember,
    before: StoredChannelMember | undefined,
  ): void => {
    if (standing.state !== "in")
      for (const session of sessions.ofMember(member)) channelFeed.unfollow(session, channel.id);
    channelEvents.standingChanged(channel, member, standing, before);
    if (before?.state === "in" && standing.state === "out" && groups.toRemove(channel).length > 0) tellGroup(channel);
  };
  const channelTable = new ChannelTable(records, {
    onChannel: ({ id, record }, before) => {
      if (before !== undefined) channelEvents.changed(id, record.by);
    },
    onMember,
  });
  const channelEvents = new ChannelEvents({ sessions, table: channelTable, clock, bounds });
  const isRevoked = (member: string): boolean => mesh.isRevoked(member);
  const channels = new Channels({ records, log: channelLog, table: channelTable, clock, random, bounds, isRevoked });
  const channelRetention = new ChannelRetention({
    records,
    log: channelLog,
    table: channelTable,
    now,
    bounds,
    onError,
  });
  const groupEpoch = (channel: KnownChannel): number | undefined => groups.epochForPosts(channel);
  const posting = new Posting({
    table: channelTable,
    channels,
    log: channelLog,
    authority,
    approvals: new PostApprovals({ directory, policy: () => authority.policy, now }),
    rules: () => ({ mesh: mesh.require().mesh, now: clock.now(), mayVouch, groupEpoch }),
    counters,
    onPosted: (channel, author) => {
      budgets.count(author, { messages: 1 });
      channelFeed.posted(channel);
      channelRetention.appended(channel);
    },
  });
  return {
    channels,
    channelTable,
    channelLog,
    channelHistory: new ChannelHistory(channelLog),
    channelRetention,
    channelFeed,
    channelEvents,
    floors: new Floors(clock),
    groups,
    posting,
    tellGroupsOf: (member) => {
      for (const id of channelTable.ofMember(member)) {
        const channel = channelTable.get(id);
        if (channel?.record.encrypted === true && groups.toRemove(channel).length > 0) tellGroup(channel);
      }
    },
  };
}
