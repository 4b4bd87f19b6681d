/** Requests and pushes about the audit log: rows of the tables of `session-message.ts`. */
import { z } from "zod";

import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { operatorsOnly, request, time } from "./request-row.ts";
import { compactSchema } from "./statement.ts";

const number = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Head, checkpoints and witnesses of a node's log: what a reader holds the entries against. */
export const auditStateSchema = z.strictObject({
  /** The newest `head` statement. */
  head: compactSchema,
  /** The node's certificate. */
  certificate: compactSchema,
  /** `checkpoint` statements of what was trimmed, oldest first. */
  checkpoints: z.array(compactSchema).max(limits.auditCheckpoints),
  /** The newest `witness` statement of each operator's device. */
  witnesses: z.array(compactSchema).max(limits.auditWitnesses),
});
export type AuditState = z.infer<typeof auditStateSchema>;

export const auditRequests = {
  "audit.list": request(
    operatorsOnly,
    "Entries of this node's audit log that fit all that is given, oldest first after `after`, newest first before `before`.",
    z.strictObject({
      /** An act, or the part before its dot. */
      act: z
        .string()
        .regex(/^[a-z][a-z-]{0,31}(?:\.[a-z][a-z-]{0,31})?$/)
        .optional(),
      /** A member, node, or who signed; or an address. */
      by: z.string().min(1).max(64).optional(),
      since: time.optional(),
      until: time.optional(),
      after: number.optional(),
      before: number.optional(),
      limit: z.int().min(1).max(limits.auditPage).optional(),
    }),
    z.strictObject({
      /** As they are kept, each the text that its successor hashes. */
      entries: z.array(z.string().max(4 * limits.auditEntryBytes)).max(limits.auditPage),
      /** Numbers of the oldest and the newest entry there is; 1 and 0 when there is none. */
      first: number,
      last: number,
      /** The `after`, or `before`, that goes on; absent at the end. */
      next: number.optional(),
    }),
  ),
  "audit.head": request(
    operatorsOnly,
    "The signed head of this node's audit log, its checkpoints, and what operators' devices witnessed.",
    z.strictObject({}),
    auditStateSchema,
  ),
  "audit.witness": request(
    operatorsOnly,
    "Leaves a `witness` statement of this device for the other operators.",
    z.strictObject({ witness: compactSchema }),
    z.strictObject({}),
  ),
} as const;

export const auditPushes = {
  "audit.head": {
    says: "To operators: the audit log has a newer head.",
    body: z.strictObject({ head: compactSchema }),
  },
} as const;

/** Where a reader stands in the log of a node. */
export const auditMarkSchema = z.strictObject({
  node: id32Schema,
  epoch: z.string().min(1).max(64),
  number,
  hash: id32Schema,
});
export type AuditMark = z.infer<typeof auditMarkSchema>;
