/**
 * Approvals: what is asked of a person, and how it is answered. Bodies of `approval` envelopes, JSON in UTF-8. Whoever enforces a
 * rule asks those who may approve, each by a sealed envelope of its own; the answer is a signed statement over the SHA-256 of the
 * action's canonical JSON (RFC 8785), which the asking side checks itself.
 */
import { z } from "zod";

import { contentSchema, postIdSchema } from "./content.ts";
import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { compactSchema } from "./statement.ts";
import { partSchema } from "./task.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const text = z.string().min(1).max(limits.approvalTextCharacters);

/** A skill that is to be run, with all that decides what it will do. */
const callAction = z.strictObject({
  kind: z.literal("call"),
  mesh: id32Schema,
  /** Makes two same calls two actions. */
  nonce: id16Schema,
  callee: id32Schema,
  caller: id32Schema,
  /** SHA-256 of each delegation that the call carries, the principal's first. */
  chain: z.array(id32Schema).max(limits.delegationChain),
  /** Members whose delegations these are, the principal's first. */
  principals: z.array(id32Schema).max(limits.delegationChain),
  skill: skillIdSchema,
  task: z.string().min(1).max(128),
  parts: z.array(partSchema).min(1).max(64),
});

/** A post to a channel. Its id makes two same posts two actions, and its device keeps another one from posting it once more. */
const postAction = z.strictObject({
  kind: z.literal("post"),
  mesh: id32Schema,
  channel: id32Schema,
  /** Its name without the `#`, as who is asked reads it. */
  name: z.string().min(1).max(limits.nameCharacters),
  author: id32Schema,
  device: id32Schema,
  id: postIdSchema,
  content: contentSchema,
});

/** The exact act that is approved or not. */
export const approvalActionSchema = z.discriminatedUnion("kind", [callAction, postAction]);
export type ApprovalAction = z.infer<typeof approvalActionSchema>;

/** Asks for a yes to an action. */
const ask = z.strictObject({
  type: z.literal("ask"),
  request: id16Schema,
  action: approvalActionSchema,
  /** How many members have to say yes. */
  quorum: z.int().min(1).max(limits.approvalQuorum),
  /** The rule of the policy that asks, by the policy's number and its place from 0; absent where the skill itself does. */
  rule: z.strictObject({ policy: z.int().min(0), rule: z.int().min(0) }).optional(),
  /** Milliseconds since 1970. */
  expires: time,
});

/** Asks something in the course of a task; the answer is words. */
const question = z.strictObject({
  type: z.literal("question"),
  request: id16Schema,
  task: z.string().min(1).max(128),
  skill: skillIdSchema,
  text,
  expires: time,
});

/** Answers an ask: an `approval` statement, or a `standing` one that covers this and others like it. */
const answer = z.strictObject({ type: z.literal("answer"), request: id16Schema, statement: compactSchema });

/** Answers a question. */
const reply = z.strictObject({ type: z.literal("reply"), request: id16Schema, text });

export const approvalEnds = ["granted", "denied", "expired", "withdrawn", "answered"] as const;
export type ApprovalEnd = (typeof approvalEnds)[number];

/** It needs no answer any more. */
const closed = z.strictObject({
  type: z.literal("closed"),
  request: id16Schema,
  state: z.enum(approvalEnds),
  /** The member whose word decided. */
  by: id32Schema.optional(),
});

/** What one instance of an agent passes on to the one that asked. */
export const approvalForwardSchema = z.discriminatedUnion("type", [answer, reply, closed]);

/** An answer that came to this instance of an agent and is another one's. Between devices of one member, live. */
const forward = z.strictObject({ type: z.literal("forward"), from: id32Schema, body: approvalForwardSchema });

export const approvalBodySchema = z.discriminatedUnion("type", [ask, question, answer, reply, closed, forward]);
export type ApprovalBody = z.infer<typeof approvalBodySchema>;
