/** Requests and pushes about the board: rows of the tables of `session-message.ts`. Several items go in one message. */
import { z } from "zod";

import { errorCodeSchema, wireErrorSchema } from "./call.ts";
import { id16Schema, id32Schema, id8Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { skillIdSchema } from "./names.ts";
import { empty, everyone, page, request, time, writers } from "./request-row.ts";
import { compactSchema } from "./statement.ts";

/** `open` waits for a worker; `failed` is a dead letter. Nothing but `retry` leads out of the last four. */
export const boardStates = ["open", "leased", "completed", "failed", "canceled", "expired"] as const;
export const boardStateSchema = z.enum(boardStates);
export type BoardState = z.infer<typeof boardStateSchema>;

const sealedBytes = (most: number) =>
  z
    .string()
    .min(1)
    .max(Math.ceil((most * 4) / 3))
    .regex(/^[A-Za-z0-9_-]+$/, "is not base64url");
const task = id16Schema;
const generation = z.int().min(1).max(limits.boardGenerations);

/** Something sealed to a member (HPKE, RFC 9180): the encapsulated key, and what was encrypted under a key made of it. */
const sealedTo = {
  kid: id8Schema,
  encapsulated: id32Schema,
  counter: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
};

/** The content key of an input, sealed to one member that may work on it, or to the asker itself. */
export const boardWrapSchema = z.strictObject({
  member: id32Schema,
  /** The asker's device that sealed it. */
  by: id32Schema,
  ...sealedTo,
  sealed: sealedBytes(64),
});
export type BoardWrap = z.infer<typeof boardWrapSchema>;

/** The result of a task, sealed to its asker by a device of the worker. */
export const boardResultSchema = z.strictObject({
  member: id32Schema,
  device: id32Schema,
  ...sealedTo,
  sealed: sealedBytes(limits.boardResultBytes),
});
export type BoardResult = z.infer<typeof boardResultSchema>;

const inputSchema = sealedBytes(limits.boardInputBytes);
const entriesSchema = z.array(compactSchema).min(1).max(limits.boardEntries);

/** Where a task stands, by the registry's word. */
export const boardFactsSchema = z.strictObject({
  task,
  asker: id32Schema,
  skill: skillIdSchema,
  state: boardStateSchema,
  priority: z.int(),
  created: time,
  deadline: time,
  attempts: z.int(),
  starts: z.int(),
  generation: z.int(),
  /** Not begun before this. */
  readyAt: time.optional(),
  /** Tasks that have to be completed first, and are not yet. */
  waitsFor: z.array(task).max(limits.boardAfter).optional(),
  /** Who works on it, or completed it. */
  worker: id32Schema.optional(),
  device: id32Schema.optional(),
  /** Why it ended, or why the last start came to nothing. */
  reason: errorCodeSchema.optional(),
  ended: time.optional(),
});
export type BoardFacts = z.infer<typeof boardFactsSchema>;

/** The same with what was signed and sealed. */
const boardViewSchema = boardFactsSchema.extend({
  entries: entriesSchema,
  input: inputSchema.optional(),
  /** The content key of the input, sealed to the asker. */
  own: boardWrapSchema.optional(),
  result: boardResultSchema.optional(),
});
export type BoardView = z.infer<typeof boardViewSchema>;

const leaseRef = z.strictObject({ task, generation });
const endedLease = leaseRef.extend({ code: errorCodeSchema });
const each = limits.boardBatch;
const outcomes = z.strictObject({
  outcomes: z.array(z.strictObject({ task, facts: boardFactsSchema.optional(), error: wireErrorSchema.optional() })),
});

export const boardRequests = {
  "board.submit": request(
    writers,
    "Puts tasks on the board. The same task again changes nothing.",
    z.strictObject({
      tasks: z
        .array(
          z.strictObject({
            statement: compactSchema,
            input: inputSchema,
            own: boardWrapSchema,
            wraps: z.array(boardWrapSchema).max(limits.boardHolders),
          }),
        )
        .min(1)
        .max(each),
    }),
    outcomes,
  ),
  "board.share": request(
    writers,
    "Lets more members with the skill work on a task of one's own.",
    z.strictObject({ task, wraps: z.array(boardWrapSchema).min(1).max(limits.boardHolders) }),
    empty,
  ),
  "board.get": request(
    everyone,
    "A task of one's own, with what was signed and sealed.",
    z.strictObject({ task }),
    z.strictObject({ view: boardViewSchema }),
  ),
  "board.list": request(
    everyone,
    "Tasks of one's own, newest first.",
    z.strictObject({
      states: z.array(boardStateSchema).min(1).max(boardStates.length).optional(),
      skill: skillIdSchema.optional(),
      ...page,
    }),
    z.strictObject({
      tasks: z.array(boardFactsSchema).max(limits.pageSize),
      next: z.string().max(128).optional(),
    }),
  ),
  "board.follow": request(
    everyone,
    "Pushes how these tasks of one's own stand, now and with each change until they end.",
    z.strictObject({ tasks: z.array(task).min(1).max(each) }),
    outcomes,
  ),
  "board.act": request(
    writers,
    "The asker cancels a task, or has one tried again that ended without success: the `board-act` statement says which.",
    z.strictObject({ task, entry: compactSchema }),
    z.strictObject({ facts: boardFactsSchema }),
  ),
  "board.acknowledge": request(
    everyone,
    "The asker has the results of these tasks: they are kept for a shorter time from now on.",
    z.strictObject({ tasks: z.array(task).min(1).max(each) }),
    empty,
  ),
  "board.work": request(
    writers,
    "What this device takes from the board: skills, how many tasks at once, and the leases that it holds. Replaces what it said before.",
    z.strictObject({
      skills: z.array(skillIdSchema).max(limits.skills),
      slots: z.int().min(0).max(limits.boardSlots),
      holds: z.array(leaseRef).max(limits.boardSlots),
    }),
    z.strictObject({ ended: z.array(endedLease).max(limits.boardSlots) }),
  ),
  "board.renew": request(
    writers,
    "The device still works under these leases; `entry` says that the work has begun.",
    z.strictObject({
      leases: z
        .array(leaseRef.extend({ entry: compactSchema.optional() }))
        .min(1)
        .max(each),
    }),
    z.strictObject({ ended: z.array(endedLease).max(each) }),
  ),
  "board.complete": request(
    writers,
    "How work under leases ended, by a `board-act` statement of the worker; with the sealed result, or its error.",
    z.strictObject({
      results: z
        .array(leaseRef.extend({ entry: compactSchema, result: boardResultSchema }))
        .min(1)
        .max(each),
    }),
    outcomes,
  ),
  "board.return": request(
    writers,
    "Gives a lease back: work that was not begun, or was ended because the device stops.",
    z.strictObject({ ...leaseRef.shape, begun: z.boolean(), code: errorCodeSchema }),
    empty,
  ),
} as const;

/** What a node pushes about it. */
export const boardPushes = {
  "board.leased": {
    says: "To a worker: tasks to work on, for so many ms unless it renews the lease.",
    body: z.strictObject({
      leases: z
        .array(
          z.strictObject({
            ...leaseRef.shape,
            lifeMs: z.int().min(1),
            starts: z.int().min(1),
            entries: entriesSchema,
            input: inputSchema,
            wrap: boardWrapSchema,
          }),
        )
        .min(1)
        .max(each),
    }),
  },
  "board.ended": {
    says: "To a worker: these leases ended before the work did; why.",
    body: z.strictObject({ leases: z.array(endedLease).min(1).max(each) }),
  },
  "board.changed": {
    says: "To an asker: tasks that this device follows stand otherwise; with the result once there is one.",
    body: z.strictObject({
      tasks: z
        .array(boardViewSchema.omit({ input: true }).extend({ entries: entriesSchema.optional() }))
        .min(1)
        .max(each),
    }),
  },
  "board.wanted": {
    says: "To an asker: a member with the skill would work on a task whose input is not sealed to it.",
    body: z.strictObject({ task, member: id32Schema }),
  },
} as const;
