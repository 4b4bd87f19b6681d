import { limits, ParleyError, type ReplyBody, toParleyError } from "@parley/protocol";

import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { Blocks } from "../blocks.ts";
import type { ChannelEvents } from "../channels/channel-events.ts";
import type { ChannelFeed } from "../channels/channel-feed.ts";
import { beginOf, type ChannelHistory } from "../channels/channel-history.ts";
import type { ChannelLog } from "../channels/channel-log.ts";
import { inForce } from "../channels/channel-restriction.ts";
import { requireIn, viewOf } from "../channels/channel-rules.ts";
import type { KnownChannel } from "../channels/channel-table.ts";
import type { Channels } from "../channels/channels.ts";
import type { Floors } from "../channels/floors.ts";
import type { Groups } from "../channels/groups.ts";
import { checkInvitation } from "../channels/invitation-check.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { Presence } from "../presence.ts";
import type { SessionIdentity } from "../session.ts";
import { toWireError } from "../wire-error.ts";
import type { MemberCaller, MemberHandlers, RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface ChannelsServices {
  readonly audit: AuditRecorder;
  readonly mesh: MeshState;
  readonly members: Members;
  readonly presence: Presence;
  readonly channels: Channels;
  readonly channelLog: ChannelLog;
  readonly channelHistory: ChannelHistory;
  readonly channelFeed: ChannelFeed;
  readonly channelEvents: ChannelEvents;
  readonly floors: Floors;
  readonly groups: Groups;
  readonly blocks: Blocks;
  readonly now: () => number;
}

/** For the list of who is in it. */
function mutedIn(channel: KnownChannel, member: string, now: number): { readonly muted?: object } {
  const held = inForce(channel.members.get(member), "muted", now);
  if (held === undefined) return {};
  const { until, reason } = held;
  return { muted: { ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) } };
}

type FollowReply = ReplyBody<"channel.follow">["channels"][number];

/** Channels and who is in them, their posts, and their encrypted groups. */
export function channelsRequests(
  services: ChannelsServices,
): RequestHandlers<RequestsOf<"channel" | "group">> & MemberHandlers<"channel.list" | "channel.get" | "channel.read"> {
  const {
    mesh,
    members,
    presence,
    channels,
    channelLog,
    channelHistory,
    channelFeed,
    channelEvents,
    floors,
    groups,
    blocks,
    audit,
    now,
  } = services;
  const replyOf = async (channel: KnownChannel, { member }: MemberCaller): Promise<ReplyBody<"channel.get">> => {
    const invitation = channel.members.get(member)?.invitation;
    return {
      channel: viewOf(channel, member),
      bounds: await channelHistory.bounds(channel, member),
      ...(invitation === undefined ? {} : { invitation }),
    };
  };
  const encrypted = async (channel: string, caller: SessionIdentity): Promise<KnownChannel> => {
    const found = await channels.findOwn(channel, caller);
    if (!found.record.encrypted)
      throw new ParleyError("invalid_argument", { message: "channel: is not an encrypted one" });
    return found;
  };
  return {
    "channel.create": async (caller, wanted) => {
      const made = await channels.create(caller, wanted);
      const { kind } = wanted;
      await audit.record({ act: "channel.created", by: byDevice(caller), subject: made.id, facts: { kind } });
      return replyOf(made, caller);
    },
    "channel.list": (caller, wanted) => channels.list(caller, wanted),
    "channel.get": async (caller, wanted) => replyOf(await channels.find(wanted, caller), caller),
    "channel.join": async (caller, wanted) => replyOf(await channels.join(wanted, caller), caller),
    "channel.leave": async (caller, { channel }) => {
      await channels.leave(channel, caller);
      return {};
    },
    "channel.set": async (caller, wanted) => {
      const changed = await channels.set(caller, wanted);
      const { archived, channel: subject } = wanted;
      const act = archived === true ? "channel.archived" : "channel.reopened";
      if (archived !== undefined) await audit.record({ act, by: byDevice(caller), subject });
      return replyOf(changed, caller);
    },
    "channel.invite": async (caller, { channel: id, member, invitation }) => {
      const channel = await channels.findOwn(id, caller);
      checkInvitation(channel, member, invitation, caller, mesh.require().mesh);
      await members.find({ member });
      if (blocks.isBlocked(member, caller.member)) throw new ParleyError("blocked");
      await channels.invite(channel, member, caller.member, invitation);
      await audit.record({ act: "channel.invited", by: byDevice(caller), subject: id, facts: { member } });
      return {};
    },
    "channel.kick": async (caller, { channel, member }) => {
      const act = { act: "channel.kicked", by: byDevice(caller), subject: channel, facts: { member } } as const;
      await audit.watched(act, () => channels.kick(channel, member, caller));
      return {};
    },
    "channel.restrict": async (caller, wanted) => {
      await members.find({ member: wanted.member });
      const facts = { member: wanted.member, kind: wanted.kind };
      const act = { act: "channel.restricted", by: byDevice(caller), subject: wanted.channel, facts } as const;
      await audit.watched(act, () => channels.restrict(caller, wanted));
      return {};
    },
    "channel.lift": async (caller, wanted) => {
      const facts = { member: wanted.member, kind: wanted.kind };
      const act = { act: "channel.lifted", by: byDevice(caller), subject: wanted.channel, facts } as const;
      await audit.watched(act, () => channels.lift(caller, wanted));
      return {};
    },
    "channel.members": async (caller, { channel: id, after = "", limit = limits.pageSize }) => {
      const channel = await channels.find({ channel: id }, caller);
      if (channel.record.kind === "invite") requireIn(channel, caller.member);
      const ids = [...channel.members]
        .filter(([member, { state }]) => state === "in" && member > after)
        .map(([member]) => member)
        .sort((one, other) => (one < other ? -1 : 1));
      const page = ids.slice(0, limit);
      const next = ids.length > page.length ? page.at(-1) : undefined;
      return {
        members: page.map((member) => ({
          member,
          since: channel.members.get(member)?.since ?? 0,
          owner: channel.record.createdBy === member,
          present: presence.of(member).length > 0,
          ...mutedIn(channel, member, now()),
        })),
        ...(next === undefined ? {} : { next }),
      };
    },
    "channel.follow": async (caller, { channels: wanted }, session) => {
      const found = await Promise.all(
        wanted.map(async ({ channel: id, epoch, after }) => {
          try {
            const channel = await channels.findOwn(id, caller);
            const bounds = await channelLog.bounds(id);
            const from = epoch === undefined || epoch === bounds.epoch ? Math.min(after, bounds.last) : 0;
            return { id, channel, bounds, after: Math.max(from, beginOf(channel, caller.member) - 1) };
          } catch (error) {
            return { id, error: toWireError(toParleyError(error)) };
          }
        }),
      );
      // Nothing is awaited from here on: the reply goes out before the first post.
      return {
        channels: found.map((one): FollowReply => {
          if ("error" in one) return { channel: one.id, error: one.error };
          const { id, bounds, after } = one;
          // It may have been taken out meanwhile.
          if (!session.mayFollow(id)) return { channel: id, error: toWireError(new ParleyError("not_in_channel")) };
          channelFeed.follow(session, id, after, bounds);
          const { epoch, last } = bounds;
          const first = Math.max(bounds.first, beginOf(one.channel, caller.member));
          return { channel: id, bounds: { epoch, first, last }, after };
        }),
      };
    },
    "channel.unfollow": (_caller, { channels: ids }, session) => {
      for (const id of ids) channelFeed.unfollow(session, id);
      return {};
    },
    "channel.read": async (caller, wanted) =>
      channelHistory.read(await channels.findOwn(wanted.channel, caller), caller.member, wanted),
    "channel.typing": async (caller, { channel: id, writes }, session) => {
      channelEvents.typing(session, await channels.findOwn(id, caller), caller.member, writes);
      return {};
    },
    "channel.floor": async (caller, { channel: id, post, end }) => {
      requireIn(await channels.findOwn(id, caller), caller.member);
      return end === undefined ? floors.ask(id, post, caller.member) : floors.end(id, post, caller.member, end);
    },
    "group.commit": async (caller, body) => groups.commit(await encrypted(body.channel, caller), caller.device, body),
    "group.commits": async (caller, { channel, from }) => groups.commits(await encrypted(channel, caller), from),
    "group.info": async (caller, { channel }) => groups.info(await encrypted(channel, caller)),
  };
}
