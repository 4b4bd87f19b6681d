/** The operations that make a program in any language a full member of the mesh: what they ask, and what they serve. */
import { limits, memberKindSchema, skillIdSchema } from "@parley/protocol";
import { z } from "zod";

import { archivedMessageSchema, conversationName, incomingPostSchema, messageName } from "./conversation-json.ts";
import { incomingMessageSchema } from "./operation-json.ts";
import { empty, hops, none, operation } from "./operation-row.ts";
import {
  agreementActEventSchema,
  broadcastStateSchema,
  declaredSkillSchema,
  hostedTaskSchema,
  peerEventSchemas,
  peerSchema,
  receiptEventSchema,
  taskReplySchema,
  toldErrorSchema,
} from "./program-json.ts";

/** Tasks that one program works on at a time. */
const mostServedTasks = 256;
/** Messages of one answer of `history`. */
const mostHistory = 1000;

const task = z.exactOptional(z.string().min(1).max(128));

export const programOperations = {
  broadcast: operation(
    "Sends to every other member that policy allows; streams what became of each within `waitMs`, ten seconds by default.",
    z.strictObject({
      text: z.string(),
      kind: z.exactOptional(memberKindSchema),
      waitMs: z.exactOptional(z.int().min(0).max(60_000)),
      hops,
      task,
    }),
    z.object({ members: z.int() }),
    z.object({ sent: broadcastStateSchema }),
  ),
  list_peers: operation(
    "Other members that fit, a page at a time, with their skills and open links.",
    z.strictObject({
      skill: z.exactOptional(skillIdSchema),
      tag: z.exactOptional(z.string().max(limits.labelCharacters)),
      text: z.exactOptional(z.string().max(limits.queryCharacters)),
      kind: z.exactOptional(memberKindSchema),
      live: z.exactOptional(z.boolean()),
      limit: z.exactOptional(z.int().min(1).max(limits.pageSize)),
      after: z.exactOptional(z.string().max(128)),
    }),
    z.object({ peers: z.array(peerSchema), next: z.exactOptional(z.string()) }),
    none,
  ),
  serve: operation(
    "Serves skills until it is cancelled or the connection goes, where `parley sidecar` holds the device: `serving` once they stand on the card, then tasks, and what ended of them without this program.",
    z.strictObject({
      skills: z.array(declaredSkillSchema).min(1).max(limits.skills),
      /** Tasks at a time; more are refused. Default 8. */
      concurrency: z.exactOptional(z.int().min(1).max(mostServedTasks)),
    }),
    empty,
    z.union([
      z.object({ serving: z.array(z.string()) }),
      z.object({ task: hostedTaskSchema }),
      z.object({ cancel: z.object({ task: z.string(), error: toldErrorSchema }) }),
    ]),
  ),
  reply: operation(
    "Says something about a task that this connection serves: progress, an artifact, a question (the reply has its `answer`), its result or its error.",
    taskReplySchema,
    z.object({ answer: z.exactOptional(z.string()) }),
    none,
  ),
  subscribe: operation(
    "Streams posts of a channel, or direct messages, peers, receipts and acts of agreements as they come: `subscribed` first; each event waits for its `ack`.",
    z.union([
      z.strictObject({
        channel: conversationName,
        name: z.exactOptional(z.string().min(1).max(128)),
        since: z.exactOptional(z.int().min(0)),
        replay: z.exactOptional(z.int().min(0)),
        own: z.exactOptional(z.boolean()),
      }),
      z.strictObject({
        events: z
          .array(z.enum(["messages", "peers", "receipts", "agreements"]))
          .min(1)
          .max(4),
      }),
    ]),
    empty,
    z.union([
      z.object({ subscribed: z.literal(true) }),
      z.object({ post: incomingPostSchema }),
      z.object({ message: incomingMessageSchema }),
      ...peerEventSchemas,
      receiptEventSchema,
      agreementActEventSchema,
    ]),
  ),
  history: operation(
    "Streams the last messages of a conversation, oldest first; older posts are fetched where the device lacks them. The reply says whether there are more.",
    z.strictObject({
      conversation: conversationName,
      limit: z.exactOptional(z.int().min(1).max(mostHistory)),
      before: z.exactOptional(z.int().min(0)),
      thread: z.exactOptional(messageName),
    }),
    z.object({ more: z.boolean() }),
    z.object({ message: archivedMessageSchema }),
  ),
} as const;
