import {
  channelNameSchema,
  compactSchema,
  id32Schema,
  labelSchema,
  retentionSchema,
  topicSchema,
} from "@parley/protocol";
import { z } from "zod";

const time = z.int().min(0);

/** A `channel/` record. Its being there is what makes the channel. */
export const storedChannelSchema = z.object({
  name: channelNameSchema,
  kind: z.enum(["public", "invite"]),
  encrypted: z.boolean(),
  topic: topicSchema,
  history: z.enum(["all", "joined"]),
  retention: retentionSchema,
  /** Its owner. Absent for a channel that was there from the start. */
  createdBy: id32Schema.optional(),
  created: time,
  archived: time.optional(),
  /** Who changed it last. */
  by: id32Schema.optional(),
});
export type StoredChannel = z.infer<typeof storedChannelSchema>;

/** A `channel-name/` record: the channel is there or about to come. */
export const channelNameHolderSchema = z.object({ channel: id32Schema, by: id32Schema.optional(), at: time });
export type ChannelNameHolder = z.infer<typeof channelNameHolderSchema>;

/** What a channel's owner or an operator put a member under there. */
const channelRestrictionSchema = z.object({
  at: time,
  /** When it ends by itself. */
  until: time.optional(),
  reason: labelSchema.optional(),
  by: id32Schema,
});
export type ChannelRestriction = z.infer<typeof channelRestrictionSchema>;

/** A `channel-member/` record. Who is `out` leaves a trace for a while, so that no late news brings it back in. */
export const storedChannelMemberSchema = z.object({
  state: z.enum(["in", "invited", "out"]),
  since: time,
  /** Why it is out: it left, was taken out, or was revoked. */
  why: z.enum(["left", "kicked", "removed"]).optional(),
  /** Who invited it or took it out. */
  by: id32Schema.optional(),
  /** Offset of the newest post when it came in: where a newcomer's history begins. */
  after: z.int().min(0),
  /** By which it may come into an encrypted channel's group. */
  invitation: compactSchema.optional(),
  muted: channelRestrictionSchema.optional(),
  banned: channelRestrictionSchema.optional(),
});
export type StoredChannelMember = z.infer<typeof storedChannelMemberSchema>;
