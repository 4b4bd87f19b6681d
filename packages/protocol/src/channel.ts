/** Channels: their names, what is told of them, and the binary messages that carry posts. */
import { z } from "zod";

import { ByteReader, ByteWriter, OutOfBytes } from "./byte-io.ts";
import { fromBase64url, id32Schema, toBase64url } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";

/** A channel's name without its `#`: letters, digits, `_` and `-`, 1 to 31, so that `#` and it make an agentchat name. */
const channelPattern = /^[A-Za-z0-9_-]+$/;
export const channelNameSchema = z.string().min(1).max(limits.channelNameCharacters).regex(channelPattern);

/** Reads a channel's name as a person types it, with its `#` or without. Undefined when it is none. */
export function parseChannelName(text: string): string | undefined {
  const name = text.startsWith("#") ? text.slice(1) : text;
  return name.length <= limits.channelNameCharacters && channelPattern.test(name) ? name : undefined;
}

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What is kept of a channel's posts; the oldest beyond any of these go. */
export const retentionSchema = z.strictObject({
  posts: z.int().min(1).max(limits.channelPosts),
  bytes: z.int().min(limits.statementBytes).max(limits.channelBytes),
  ageMs: z.int().min(60_000).max(limits.channelAgeMs),
});
export type Retention = z.infer<typeof retentionSchema>;

/** One line of text from outside without control and bidirectional formatting characters. */
export const topicSchema = z
  .string()
  .max(limits.topicCharacters)
  .refine((value) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value), "has control characters");

/** What the registry tells of a channel to whoever may see it. */
export const channelSchema = z.strictObject({
  channel: id32Schema,
  name: channelNameSchema,
  kind: z.enum(["public", "invite"]),
  /** Whether posts are sealed with MLS, so that only members can read them. Every invite-only channel. */
  encrypted: z.boolean(),
  topic: topicSchema,
  /** What a newcomer may read: everything kept, or what came after it joined. */
  history: z.enum(["all", "joined"]),
  retention: retentionSchema,
  createdBy: id32Schema.optional(),
  created: time,
  archived: time.optional(),
  members: z.int().min(0),
  /** Whether the asking member is in it. */
  joined: z.boolean(),
  /** Whether it may come in without being asked by somebody: public, or invited. */
  open: z.boolean(),
});
export type Channel = z.infer<typeof channelSchema>;

/** Where a channel's history stands at the registry. */
export const channelBoundsSchema = z.strictObject({
  /** Changes when a backup was restored: offsets of another epoch mean nothing. */
  epoch: z.string().min(1).max(64),
  /** Nothing from here on was trimmed. */
  first: offset,
  last: offset,
});
export type ChannelBounds = z.infer<typeof channelBoundsSchema>;

export const channelMemberSchema = z.strictObject({
  member: id32Schema,
  since: time,
  owner: z.boolean(),
  /** Whether one of its devices is connected. */
  present: z.boolean(),
  /** It may not write here; until when, if that ends by itself. */
  muted: z.strictObject({ until: time.optional(), reason: labelSchema.optional() }).optional(),
});
export type ChannelMember = z.infer<typeof channelMemberSchema>;

/** A post as it stands in a channel's history. */
export interface StoredPost {
  readonly offset: number;
  /** Registry time of the append, ms since 1970. */
  readonly at: number;
  /** The author's `post` statement, compact. */
  readonly statement: Uint8Array;
}

/** Posts of one channel that follow each other without a gap. */
export interface PostBatch {
  /** Channel id. */
  readonly channel: string;
  readonly epoch: string;
  /** Offset of the post before the first one; 0 for none. */
  readonly previous: number;
  readonly posts: readonly StoredPost[];
}

/** First byte of a binary message from a node: posts of a channel. Lower ones are deliveries of routed frames. */
export const postBatchKind = 3;
/** First byte of a binary message from a device: a post. Routed frames begin with 1. */
export const postKind = 2;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * `kind(1) = 3 epochLength(1) epoch channel(32) previous(6) count(varint)`, then for each post
 * `offset(6) at(6) length(varint) statement`.
 */
export function encodePostBatch({ channel, epoch, previous, posts }: PostBatch): Uint8Array<ArrayBuffer> {
  const size = posts.reduce((sum, { statement }) => sum + statement.length + 20, 128);
  const out = new ByteWriter(size);
  const epochBytes = encoder.encode(epoch);
  out.u8(postBatchKind);
  out.u8(epochBytes.length);
  out.bytes(epochBytes);
  out.bytes(fromBase64url(channel) ?? new Uint8Array(32));
  out.u48(previous);
  out.varint(posts.length);
  for (const { offset: at, at: time, statement } of posts) {
    out.u48(at);
    out.u48(time);
    out.varint(statement.length);
    out.bytes(statement);
  }
  return out.view();
}

/** The statements share the memory of the message. */
export function decodePostBatch(bytes: Uint8Array): Decoded<PostBatch> {
  try {
    const input = new ByteReader(bytes);
    if (input.u8() !== postBatchKind) return undecodable("malformed_frame", "not a batch of posts");
    const epoch = decoder.decode(input.bytes(input.u8()));
    const channel = toBase64url(input.bytes(32));
    const previous = input.u48();
    const count = input.varint();
    if (count === 0 || count > limits.postsPerBatch)
      return undecodable("malformed_frame", "a batch has 1 to postsPerBatch posts");
    const posts: StoredPost[] = [];
    let before = previous;
    for (let index = 0; index < count; index++) {
      const at = input.u48();
      if (at <= before) return undecodable("malformed_frame", "offsets of a batch do not increase");
      before = at;
      const time = input.u48();
      const length = input.varint();
      if (length === 0 || length > limits.statementBytes) return undecodable("too_large", "a post is too large");
      posts.push({ offset: at, at: time, statement: input.bytes(length) });
    }
    if (input.remaining > 0) return undecodable("malformed_frame", "bytes after the last post");
    return decoded({ channel, epoch, previous, posts });
  } catch (error) {
    if (error instanceof OutOfBytes) return undecodable("malformed_frame", "a batch of posts ends early");
    throw error;
  }
}

/** A post on its way to the node: `kind(1) = 2` and the statement, compact. */
export function encodePost(statement: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(statement);
  const out = new Uint8Array(bytes.length + 1);
  out[0] = postKind;
  out.set(bytes, 1);
  return out;
}

/** The statement of a post; its form is the statement's business. */
export function decodePost(bytes: Uint8Array): Decoded<string> {
  if (bytes[0] !== postKind) return undecodable("malformed_frame", "not a post");
  if (bytes.length - 1 > limits.statementBytes) return undecodable("too_large", "a post is too large");
  if (bytes.length === 1) return undecodable("malformed_frame", "a post without content");
  return decoded(decoder.decode(bytes.subarray(1)));
}
