/** The operations of the local socket about conversations: a part of the one table. */
import { blobRefSchema, limits, mentionSchema, viaSchema } from "@parley/protocol";
import { z } from "zod";

import {
  archivedMessageSchema,
  channelChangeSchema,
  channelDraftSchema,
  channelPersonSchema,
  channelViewSchema,
  contactSchema,
  conversationName,
  conversationSummarySchema,
  messageName,
  messageQuerySchema,
  pendingPostSchema,
  safetyWordsSchema,
  searchQuerySchema,
  secretKindSchema,
  standingSchema,
} from "./conversation-json.ts";
import { deliverySchema } from "./operation-json.ts";
import { empty, hops, none, operation, paths, ttlMs, who } from "./operation-row.ts";

/** `sent` when accepted, then facts; the reply is the last one. */
const sentEvent = z.union([z.object({ sent: deliverySchema }), z.object({ delivery: deliverySchema })]);
const aboutMember = z.strictObject({ who });
const ofMessage = { conversation: conversationName, message: messageName };
const inChannel = z.strictObject({ channel: conversationName });
const memberOfChannel = z.strictObject({ channel: conversationName, member: who });
/** Characters of a secret's text, or of a phrase. */
const mostSecretCharacters = 1024;

export const conversationOperations = {
  conversations: operation("Streams every conversation.", empty, empty, conversationSummarySchema),
  archived: operation(
    "Streams messages of a conversation, oldest first; the reply says whether there are more.",
    messageQuerySchema,
    z.object({ more: z.boolean() }),
    archivedMessageSchema,
  ),
  fetchOlder: operation(
    "Fetches older posts of a channel than the device has.",
    inChannel,
    z.object({ fetched: z.boolean() }),
    none,
  ),
  search: operation("Streams messages with these words.", searchQuerySchema, empty, archivedMessageSchema),
  pending: operation(
    "Streams posts of this device that are not in a channel's history yet, in order.",
    z.strictObject({ conversation: conversationName }),
    empty,
    pendingPostSchema,
  ),
  say: operation(
    "Says something: `sent` when accepted, then facts; the reply is the last one. Cancelling stops the wait.",
    z.strictObject({
      conversation: conversationName,
      text: z.string(),
      attachments: z.exactOptional(z.array(blobRefSchema).max(limits.attachments)),
      thread: z.exactOptional(messageName),
      answers: z.exactOptional(messageName),
      mentions: z.exactOptional(z.array(mentionSchema).max(limits.mentions)),
      notice: z.exactOptional(z.enum(["loop-stopped"])),
      via: z.exactOptional(viaSchema),
      paths,
      ttlMs,
      hops,
    }),
    deliverySchema,
    sentEvent,
  ),
  edit: operation(
    "Replaces the text of a message; answers as `say`.",
    z.strictObject({ ...ofMessage, text: z.string() }),
    deliverySchema,
    sentEvent,
  ),
  retract: operation("Takes a message back; answers as `say`.", z.strictObject(ofMessage), deliverySchema, sentEvent),
  react: operation(
    "Sets or withdraws a reaction; answers as `say`.",
    z.strictObject({ ...ofMessage, reaction: z.string().max(64), on: z.boolean() }),
    deliverySchema,
    sentEvent,
  ),
  typing: operation(
    "Tells the other side that one writes.",
    z.strictObject({ conversation: conversationName, writes: z.boolean() }),
    empty,
    none,
  ),
  read: operation(
    "Everything up to a message was seen; with `tell` false its sender is not told.",
    z.strictObject({ conversation: conversationName, upTo: messageName, tell: z.exactOptional(z.boolean()) }),
    empty,
    none,
  ),
  keep: operation("Takes what comes into the archive until it is cancelled.", empty, empty, none),

  contact: operation("Where a member stands with this one.", aboutMember, contactSchema, none),
  contacts: operation(
    "Streams the members that something was decided about, or that wait for it.",
    z.strictObject({ standing: z.exactOptional(standingSchema) }),
    empty,
    contactSchema,
  ),
  accept: operation("Takes messages of a member.", aboutMember, empty, none),
  block: operation("Takes no messages of a member.", aboutMember, empty, none),
  unblock: operation("Ends a block.", aboutMember, empty, none),
  words: operation("What to compare with a member by voice.", aboutMember, safetyWordsSchema, none),
  verify: operation("The words were compared and are the same.", aboutMember, empty, none),
  newSecret: operation("Makes a shared secret and sets it.", aboutMember, z.object({ secret: z.string() }), none),
  setSecret: operation(
    "Sets a shared secret.",
    z.strictObject({ who, secret: z.string().min(1).max(mostSecretCharacters) }),
    z.object({ kind: secretKindSchema }),
    none,
  ),
  removeSecret: operation("Forgets a shared secret.", aboutMember, empty, none),

  channels: operation(
    "Streams channels.",
    z.strictObject({ joined: z.exactOptional(z.boolean()), archived: z.exactOptional(z.boolean()) }),
    empty,
    channelViewSchema,
  ),
  channel: operation("One channel.", inChannel, channelViewSchema, none),
  createChannel: operation("Makes a channel.", channelDraftSchema, channelViewSchema, none),
  joinChannel: operation("Comes into a channel.", inChannel, channelViewSchema, none),
  leaveChannel: operation("Leaves a channel.", inChannel, empty, none),
  changeChannel: operation(
    "Changes a channel.",
    z.strictObject({ channel: conversationName, change: channelChangeSchema }),
    channelViewSchema,
    none,
  ),
  inviteTo: operation("Lets a member come into a channel.", memberOfChannel, empty, none),
  kickFrom: operation("Takes a member out of a channel.", memberOfChannel, empty, none),
  channelMembers: operation("Streams who is in a channel.", inChannel, empty, channelPersonSchema),
} as const;
