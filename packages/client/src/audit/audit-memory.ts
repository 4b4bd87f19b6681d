/** What an operator's device remembers of the audit logs that it has verified, by node. */
import { type AuditMark, auditMarkSchema } from "@parley/protocol";
import { z } from "zod";

const alertSchema = z.strictObject({
  kind: z.enum(["altered", "missing", "truncated", "restored", "forked", "forged", "gap"]),
  entry: z.int().min(0),
  to: z.int().min(0).optional(),
  says: z.string().max(500),
  at: z.int().min(0),
});

/** Something is wrong with a log: it stands until an operator has looked and accepts the log as it is. */
export type AuditAlert = z.infer<typeof alertSchema>;

export const auditStandingSchema = z.strictObject({
  /** Up to where the log was verified. */
  mark: auditMarkSchema.optional(),
  alert: alertSchema.optional(),
  accepted: z.int().min(0).optional(),
});

export interface AuditStanding {
  readonly mark?: AuditMark | undefined;
  readonly alert?: AuditAlert | undefined;
  /** When an operator last took the log as it was: what was witnessed before does not count any more. */
  readonly accepted?: number | undefined;
}

/** Where it is kept. What was put is there after a restart. */
export interface AuditMemory {
  get(node: string): Promise<AuditStanding>;
  put(node: string, standing: AuditStanding): Promise<void>;
}

/** In memory, for devices that keep nothing. */
export function openAuditMemory(): AuditMemory {
  const nodes = new Map<string, AuditStanding>();
  return {
    get: (node) => Promise.resolve(nodes.get(node) ?? {}),
    put: (node, standing) => {
      nodes.set(node, standing);
      return Promise.resolve();
    },
  };
}
