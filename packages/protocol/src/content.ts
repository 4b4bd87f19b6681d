/**
 * What people and agents say to each other: the body of a `message` envelope, and the content of a channel's post. The
 * same forms in both, so that a conversation looks the same wherever it is held.
 *
 * A reader keeps what it does not know (a `type` of a later version, nested at most 16 levels) and shows that it cannot show it.
 */
import { z } from "zod";

import { blobRefSchema } from "./blob.ts";
import { id16Schema, id32Schema, id8Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";

/** Names a message in its conversation: the id of a post, or `<epoch>.<seq>` of a direct message. */
export const messageIdSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9_-]+(\.\d+)?$/, "is not the id of a message");

/** Whom a message calls: a member, one member with a role, or all of a role. */
export const mentionSchema = z.union([
  z.object({ member: id32Schema, role: labelSchema.optional() }),
  /** `@all:role`: everybody in the channel with this role or tag. */
  z.object({ all: labelSchema }),
]);
export type Mention = z.infer<typeof mentionSchema>;

const text = z.string().min(1).max(limits.envelopeBytes);

const textContentSchema = z.object({
  type: z.literal("text"),
  text,
  attachments: z.array(blobRefSchema).min(1).max(limits.attachments).optional(),
  /** First message of the thread that this one belongs to. */
  thread: messageIdSchema.optional(),
  /** The message that this one answers. */
  answers: messageIdSchema.optional(),
  mentions: z.array(mentionSchema).min(1).max(limits.mentions).optional(),
  /** In a post: how many messages of agents led to this one, as `hops` of an envelope says it of a direct message. */
  hops: z.int().min(1).max(limits.hops).optional(),
  /** The author's library says this by itself, and no agent's program is handed it. */
  notice: z.enum(["loop-stopped"]).optional(),
});

/** The author of a message replaces its text. */
const editContent = z.object({ type: z.literal("edit"), of: messageIdSchema, text });
/** The author of a message takes it back: readers drop its content and keep its place. */
const retractContent = z.object({ type: z.literal("retract"), of: messageIdSchema });

/** A short reaction, mostly one emoji, without control and formatting characters but the joiner of emoji. */
const reactionSchema = z
  .string()
  .min(1)
  .max(limits.reactionCharacters)
  .refine((value) => !/[\p{Cc}\p{Zl}\p{Zp}\p{Z}]|(?![\u200d])\p{Cf}/u.test(value), "is not a reaction");

/** Anybody in the conversation sets (`on`) or withdraws a reaction. */
const reactionContent = z.object({
  type: z.literal("reaction"),
  of: messageIdSchema,
  reaction: reactionSchema,
  on: z.boolean(),
});

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/, "is not base64url");

/**
 * Another content as JSON, sealed under the secret that the two members share: AES-256-GCM with a key of its own, made by
 * HKDF-SHA-256 from the secret and `salt`.
 */
const sealedContent = z.object({
  type: z.literal("sealed"),
  /** First 8 bytes of the hash of the secret's key, so that a reader knows which one. */
  secret: id8Schema,
  salt: id32Schema,
  box: base64url.min(1).max(limits.envelopeBytes),
});

export const contentSchema = z.discriminatedUnion("type", [
  textContentSchema,
  editContent,
  retractContent,
  reactionContent,
  sealedContent,
]);
export type Content = z.infer<typeof contentSchema>;
export type TextContent = z.infer<typeof textContentSchema>;
export type ContentType = Content["type"];

const knownTypes: ReadonlySet<string> = new Set(contentSchema.options.map(({ shape }) => shape.type.value));

/** Levels of content that this version does not know: what it is wrapped in on its way has a bound (`limits.jsonDepth`) as well. */
const mostLevels = limits.jsonDepth / 2;

const fitsInto = (levels: number, value: unknown): boolean =>
  typeof value !== "object" ||
  value === null ||
  (levels > 0 && Object.values(value).every((part) => fitsInto(levels - 1, part)));

/** Content of a type that this version does not know: kept, and shown as what cannot be shown. */
const laterContentSchema = z
  .looseObject({ type: z.string().min(1).max(64) })
  .refine(({ type }) => !knownTypes.has(type), "is not of the documented form")
  .refine((content) => fitsInto(mostLevels, content), "is nested too deep");

/** Content as it may stand in a post: known and of its form, or of a later version. */
export const anyContentSchema = z.union([contentSchema, laterContentSchema]);
export type AnyContent = z.infer<typeof anyContentSchema>;

/** Content of a type that this version knows; undefined for one of a later version. */
export function knownContent(content: AnyContent | undefined): Content | undefined {
  return content !== undefined && knownTypes.has(content.type) ? (content as Content) : undefined;
}

/** What is a text, if it is one. */
export function textContent(content: AnyContent | undefined): TextContent | undefined {
  const known = knownContent(content);
  return known?.type === "text" ? known : undefined;
}

/** Body of a `typing` envelope, live and not critical: the sender writes, or stopped. */
export const typingSchema = z.object({ writes: z.boolean() });

/**
 * What one device of a person tells the others, durable, to its own member: what it sent, and how far its owner has read.
 * Bodies of `sync` envelopes.
 */
export const syncSchema = z.discriminatedUnion("type", [
  /** A direct message that this device sent, as the recipient gets it. */
  z.object({
    type: z.literal("sent"),
    to: id32Schema,
    id: messageIdSchema,
    created: z
      .int()
      .min(0)
      .max(2 ** 47),
    content: anyContentSchema,
    /** It was sealed with a shared secret. */
    secret: z.boolean(),
  }),
  /** Everything in a conversation up to a message was read. */
  z.object({ type: z.literal("read"), conversation: z.string().min(2).max(64), id: messageIdSchema }),
  /** What the person decided about a member, all of it: the newest holds. */
  z.object({
    type: z.literal("contact"),
    member: id32Schema,
    name: z.string().max(limits.nameCharacters),
    standing: z.enum(["unknown", "request", "accepted", "blocked"]),
    /** Its words were compared and were the same. */
    verified: z.boolean(),
    /** The secret's key, 32 bytes, and how it was made; null for none. */
    secret: z.object({ kind: z.enum(["random", "phrase", "weak-phrase"]), key: id32Schema }).nullable(),
    at: z
      .int()
      .min(0)
      .max(2 ** 47),
  }),
]);
export type Sync = z.infer<typeof syncSchema>;

/** For whom a keyless client of an edge speaks: what the edge knows of it, vouched for by the edge's signature. */
export const viaSchema = z.object({
  /** The edge that it came through. */
  edge: z.enum(["door"]),
  /** As the edge shows it: stable for a key, otherwise for a connection. */
  id: z.string().min(1).max(64),
  name: labelSchema,
  /** `proven`: it signed a challenge of the edge; `unproven`: it only showed a key; `keyless`: neither. */
  standing: z.enum(["proven", "unproven", "keyless"]),
  /** What the client itself signed, for readers to check: its public key (SPKI, base64) and signature (base64). */
  key: z.string().max(256).optional(),
  signature: z.string().max(256).optional(),
  signed: z.string().max(limits.envelopeBytes).optional(),
});
export type Via = z.infer<typeof viaSchema>;

/** An MLS application message (RFC 9420 section 6.3) that holds the content as JSON. */
export const encryptedContentSchema = z.object({
  /** Epoch of the group that it was sealed in. */
  epoch: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  message: base64url.min(1).max(limits.statementBytes),
});

/** The id of a post: 16 random bytes, chosen by its author, by which its echo is known. */
export const postIdSchema = id16Schema;
