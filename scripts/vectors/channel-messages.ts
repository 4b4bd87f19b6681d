import type { Channel, PushBody, PushType, ReplyBody, RequestBody, RequestType, StatementType } from "@parley/protocol";

import { fixedId, type FixedSigners, vectorTime } from "./identities.ts";

type ChannelRequest = Extract<RequestType, `${"channel" | "group" | "blocks"}.${string}`>;
type ChannelPush = Extract<PushType, `${"channel" | "group" | "post"}.${string}`>;
type Compacts = Readonly<Record<StatementType, string>>;

const id = fixedId(32, 51);
const time = vectorTime;
const bounds = { epoch: "e1", first: 3, last: 17 };
const retention = { posts: 100_000, bytes: 268_435_456, ageMs: 31_536_000_000 };
const error = { code: "not_in_channel", message: "You are not in this channel; join it first." } as const;

function channelOf(signers: FixedSigners): Channel {
  return {
    channel: id,
    name: "readers",
    kind: "invite",
    encrypted: true,
    topic: "what to read next",
    history: "joined",
    retention,
    createdBy: signers.operator.id,
    created: time,
    archived: time,
    members: 2,
    joined: true,
    open: true,
  };
}

/** Requests about channels, with every field that they can have. */
export function channelRequestBodies(signers: FixedSigners, compacts: Compacts): { readonly [Type in ChannelRequest]: RequestBody<Type> } {
  const channel = id;
  const member = signers.member.id;
  return {
    "channel.create": { name: "readers", kind: "invite", topic: "what to read next", history: "joined", retention },
    "channel.list": { joined: true, archived: true, limit: 10, after: "abc" },
    "channel.get": { name: "readers" },
    "channel.join": { channel },
    "channel.leave": { channel },
    "channel.set": { channel, topic: "what to read next", history: "all", retention: { posts: 10 }, archived: true },
    "channel.invite": { channel, member, invitation: compacts.invitation },
    "channel.kick": { channel, member },
    "channel.restrict": { channel, member, kind: "muted", forMs: 3_600_000, reason: "too loud" },
    "channel.lift": { channel, member, kind: "muted" },
    "channel.members": { channel, limit: 10, after: "abc" },
    "channel.follow": { channels: [{ channel, epoch: "e1", after: 3 }] },
    "channel.unfollow": { channels: [channel] },
    "channel.read": { channel, before: 17, from: 3, limit: 10 },
    "channel.typing": { channel, writes: true },
    "channel.floor": { channel, post: fixedId(16, 55), end: "answered" },
    "group.commit": { channel, epoch: 4, commit: fixedId(32, 52), info: fixedId(32, 53), devices: [signers.device.id] },
    "group.commits": { channel, from: 4 },
    "group.info": { channel },
    "blocks.set": { blocked: [member] },
    "blocks.get": {},
  };
}

export function channelReplyBodies(signers: FixedSigners, compacts: Compacts): { readonly [Type in ChannelRequest]: ReplyBody<Type> } {
  const channel = channelOf(signers);
  const reply = { channel, bounds, invitation: compacts.invitation };
  const member = signers.member.id;
  return {
    "channel.create": reply,
    "channel.list": { channels: [channel], next: "abc" },
    "channel.get": reply,
    "channel.join": reply,
    "channel.leave": {},
    "channel.set": reply,
    "channel.invite": {},
    "channel.kick": {},
    "channel.restrict": {},
    "channel.lift": {},
    "channel.members": { members: [{ member, since: time, owner: false, present: true, muted: { until: time } }], next: "abc" },
    "channel.follow": { channels: [{ channel: id, bounds, after: 3 }] },
    "channel.unfollow": {},
    "channel.read": { bounds, posts: [{ offset: 17, at: time, statement: compacts.post }], complete: true },
    "channel.typing": {},
    "channel.floor": { granted: true, holder: member, answered: true, until: time },
    "group.commit": { epoch: 5 },
    "group.commits": { epoch: 5, first: 3, commits: [{ epoch: 4, by: signers.device.id, commit: fixedId(32, 52) }], complete: true, remove: [fixedId(32, 54)] },
    "group.info": { epoch: 5, info: fixedId(32, 53) },
    "blocks.set": {},
    "blocks.get": { blocked: [member] },
  };
}

export function channelPushBodies(signers: FixedSigners): { readonly [Type in ChannelPush]: PushBody<Type> } {
  const by = signers.operator.id;
  return {
    "post.results": { results: [{ channel: id, id: fixedId(16, 55), offset: 17, at: time, error }] },
    "channel.event": { channel: id, what: "kicked", member: signers.member.id, by, at: time },
    "channel.invited": { channel: channelOf(signers), by },
    "group.changed": { channel: id, epoch: 5 },
  };
}
