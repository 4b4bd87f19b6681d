/** Requests and pushes about channels, their encrypted groups, and blocks: rows of the tables of `session-message.ts`. */
import { z } from "zod";

import { wireErrorSchema } from "./call.ts";
import {
  channelBoundsSchema,
  channelMemberSchema,
  channelNameSchema,
  channelSchema,
  retentionSchema,
  topicSchema,
} from "./channel.ts";
import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";
import { empty, everyone, members, offset, page, request, time, writers } from "./request-row.ts";
import { compactSchema } from "./statement.ts";

const wantedChannel = z.union([z.strictObject({ name: channelNameSchema }), z.strictObject({ channel: id32Schema })]);
const inChannel = z.strictObject({ channel: id32Schema });
const channelReply = z.strictObject({
  channel: channelSchema,
  bounds: channelBoundsSchema,
  /** By which the asking member may come into an encrypted channel's group. */
  invitation: compactSchema.optional(),
});
/** Bytes of MLS (RFC 9420), base64url, at most so many. */
const mlsBytes = (most: number) =>
  z
    .string()
    .min(1)
    .max(Math.ceil((most * 4) / 3))
    .regex(/^[A-Za-z0-9_-]+$/, "is not base64url");

export const channelRequests = {
  "channel.create": request(
    members,
    "Makes a channel; its maker is in it and owns it.",
    z.strictObject({
      name: channelNameSchema,
      kind: z.enum(["public", "invite"]),
      topic: topicSchema.optional(),
      history: z.enum(["all", "joined"]).optional(),
      retention: retentionSchema.partial().optional(),
    }),
    channelReply,
  ),
  "channel.list": request(
    everyone,
    "Channels that the asking member may see, by name.",
    z.strictObject({ joined: z.boolean().optional(), archived: z.boolean().optional(), ...page }),
    z.strictObject({ channels: z.array(channelSchema).max(limits.pageSize), next: z.string().max(128).optional() }),
  ),
  "channel.get": request(
    everyone,
    "One channel by name or id, and where its history stands.",
    wantedChannel,
    channelReply,
  ),
  "channel.join": request(
    everyone,
    "Comes into a channel: a public one, or one that the member is invited to. Again changes nothing.",
    wantedChannel,
    channelReply,
  ),
  "channel.leave": request(everyone, "Leaves a channel. Again changes nothing.", inChannel, empty),
  "channel.set": request(
    members,
    "Changes a channel: its topic by any of its members, all else by its owners and operators.",
    z.strictObject({
      channel: id32Schema,
      topic: topicSchema.optional(),
      history: z.enum(["all", "joined"]).optional(),
      retention: retentionSchema.partial().optional(),
      archived: z.boolean().optional(),
    }),
    channelReply,
  ),
  "channel.invite": request(
    members,
    "A member of a channel lets another member come in, or tells it of a public one.",
    z.strictObject({
      channel: id32Schema,
      member: id32Schema,
      /** The `invitation` statement that the others of an encrypted channel ask for. */
      invitation: compactSchema.optional(),
    }),
    empty,
  ),
  "channel.kick": request(
    members,
    "An owner or operator takes a member out, or an invitation back.",
    z.strictObject({ channel: id32Schema, member: id32Schema }),
    empty,
  ),
  "channel.restrict": request(
    members,
    "An owner or operator mutes a member in a channel, or bans it from there; a ban takes it out, too.",
    z.strictObject({
      channel: id32Schema,
      member: id32Schema,
      kind: z.enum(["muted", "banned"]),
      /** How long; without it until it is lifted. */
      forMs: z.int().min(1000).max(limits.restrictionMs).optional(),
      reason: labelSchema.optional(),
    }),
    empty,
  ),
  "channel.lift": request(
    members,
    "An owner or operator takes that off again. Again changes nothing.",
    z.strictObject({ channel: id32Schema, member: id32Schema, kind: z.enum(["muted", "banned"]) }),
    empty,
  ),
  "channel.members": request(
    everyone,
    "Who is in a channel; of an invite-only one only its members may ask.",
    z.strictObject({ channel: id32Schema, ...page }),
    z.strictObject({
      members: z.array(channelMemberSchema).max(limits.pageSize),
      next: z.string().max(128).optional(),
    }),
  ),
  "channel.follow": request(
    everyone,
    "Pushes the posts of these channels from now on, those after `after` first. Once more for a channel begins again.",
    z.strictObject({
      channels: z
        .array(z.strictObject({ channel: id32Schema, epoch: z.string().max(64).optional(), after: offset }))
        .min(1)
        .max(limits.channelsPerMember),
    }),
    z.strictObject({
      channels: z.array(
        z.strictObject({
          channel: id32Schema,
          bounds: channelBoundsSchema.optional(),
          /** Posts come after this: what was asked for, or where a newcomer's history begins, or 0 in a new epoch. */
          after: offset.optional(),
          error: wireErrorSchema.optional(),
        }),
      ),
    }),
  ),
  "channel.unfollow": request(
    everyone,
    "Pushes no more posts of these channels.",
    z.strictObject({ channels: z.array(id32Schema).min(1).max(limits.channelsPerMember) }),
    empty,
  ),
  "channel.read": request(
    everyone,
    "A page of a channel's history: the posts before an offset, or from one on; always in order.",
    z.strictObject({
      channel: id32Schema,
      before: offset.optional(),
      from: offset.optional(),
      limit: z.int().min(1).max(limits.pageSize).optional(),
    }),
    z.strictObject({
      bounds: channelBoundsSchema,
      posts: z.array(z.strictObject({ offset, at: time, statement: compactSchema })).max(limits.pageSize),
      /** Nothing lies between `from` and the first post, or before the first post if `before` was asked for and this is true. */
      complete: z.boolean(),
    }),
  ),
  "channel.typing": request(
    writers,
    "Tells the others in a channel that this member writes, or stopped.",
    z.strictObject({ channel: id32Schema, writes: z.boolean() }),
    empty,
  ),
  "channel.floor": request(
    writers,
    "Asks for the floor to answer a post that calls many, or gives it back: of those who ask, one member has it at a time.",
    z.strictObject({
      channel: id32Schema,
      post: id16Schema,
      /** The asker has it and gives it back: it answered, or another one may. */
      end: z.enum(["answered", "passed"]).optional(),
    }),
    z.object({
      /** The asker has the floor. After `end`, whether it had it. */
      granted: z.boolean(),
      /** The member that has it, or had it when it answered. */
      holder: id32Schema.optional(),
      /** It was answered. */
      answered: z.boolean(),
      /** By the registry's clock, ms since 1970: then it is free again. */
      until: z.number(),
    }),
  ),
  "group.commit": request(
    everyone,
    "Appends a commit to an encrypted channel's group, if `epoch` is the group's present one; else `group_changed`.",
    z.strictObject({
      channel: id32Schema,
      /** The epoch that the commit leads out of; the maker of the group brings none, and no `commit`. */
      epoch: offset.optional(),
      commit: mlsBytes(limits.groupMessageBytes).optional(),
      /** Of a device that comes in by itself, unless another one of its member is in the group. */
      invitation: compactSchema.optional(),
      /** What a device needs to join by itself (RFC 9420 section 12.4.3.2), of the new epoch. */
      info: mlsBytes(limits.groupMessageBytes),
      /** Devices in the group afterwards, as the committer says: posts are held up while one is in it that is to go. */
      devices: z.array(id32Schema).max(limits.encryptedDevices),
    }),
    z.strictObject({ epoch: offset }),
  ),
  "group.commits": request(
    everyone,
    "Commits that lead out of an epoch and of later ones, oldest first; `first` above `from` means that earlier ones are gone: join anew by `group.info`.",
    z.strictObject({ channel: id32Schema, from: offset }),
    z.strictObject({
      /** The group's present epoch; absent while nobody has made it. */
      epoch: offset.optional(),
      /** Lowest epoch out of which a commit is kept. */
      first: offset,
      commits: z
        .array(
          z.strictObject({
            epoch: offset,
            by: id32Schema,
            commit: mlsBytes(limits.groupMessageBytes),
            invitation: compactSchema.optional(),
          }),
        )
        .max(limits.pageSize),
      complete: z.boolean(),
      /** Devices in the group that are to go before anybody posts again. */
      remove: z.array(id32Schema).max(limits.encryptedDevices),
    }),
  ),
  "group.info": request(
    everyone,
    "What a device of a member of an encrypted channel needs to come into its group by itself.",
    inChannel,
    z.strictObject({ epoch: offset, info: mlsBytes(limits.groupMessageBytes) }),
  ),
  "blocks.set": request(
    everyone,
    "Members whose frames the registry refuses in this member's name; replaces the list.",
    z.strictObject({ blocked: z.array(id32Schema).max(limits.blocked) }),
    empty,
  ),
  "blocks.get": request(
    everyone,
    "The list of `blocks.set`.",
    empty,
    z.strictObject({ blocked: z.array(id32Schema).max(limits.blocked) }),
  ),
} as const;

/** What a node pushes about them. */
export const channelPushes = {
  "post.results": {
    says: "What became of posts that this device sent: their places in their channels, or why not.",
    body: z.strictObject({
      results: z
        .array(
          z.strictObject({
            channel: id32Schema,
            id: id16Schema,
            offset: offset.optional(),
            at: time.optional(),
            error: wireErrorSchema.optional(),
          }),
        )
        .min(1)
        .max(limits.postsPending),
    }),
  },
  "channel.event": {
    says: "Something happened in a channel that is no post: it has no number and is not told again.",
    body: z.strictObject({
      channel: id32Schema,
      what: z.enum([
        "joined",
        "left",
        "kicked",
        "present",
        "absent",
        "typing",
        "quiet",
        "changed",
        "removed",
        "muted",
        "unmuted",
        "banned",
        "unbanned",
      ]),
      /** Whom it is about. */
      member: id32Schema.optional(),
      /** Who did it, when it is somebody else. */
      by: id32Schema.optional(),
      at: time,
    }),
  },
  "channel.invited": {
    says: "Somebody lets this member come into a channel.",
    body: z.strictObject({ channel: channelSchema, by: id32Schema }),
  },
  "group.changed": {
    says: "An encrypted channel's group has a new epoch, or devices are to be taken out.",
    body: z.strictObject({ channel: id32Schema, epoch: offset }),
  },
} as const;
