/** A task on the board as its one record holds it. */
import type { BoardTask } from "@parley/core";
import {
  type BoardFacts,
  boardResultSchema,
  boardStateSchema,
  boardWrapSchema,
  errorTable,
  type ErrorCode,
  id16Schema,
  id32Schema,
  skillIdSchema,
} from "@parley/protocol";
import { z } from "zod";

const time = z.number();
const codeSchema = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

export const storedTaskSchema = z.object({
  task: id16Schema,
  asker: id32Schema,
  skill: skillIdSchema,
  priority: z.int(),
  created: time,
  notBefore: time.optional(),
  after: z.array(id16Schema).optional(),
  acts: z.literal(true).optional(),
  /** What was signed, in order. */
  entries: z.array(z.string()).min(1),
  /** Kept until it is completed. */
  input: z.string().optional(),
  own: boardWrapSchema,
  wraps: z.array(boardWrapSchema),
  result: boardResultSchema.optional(),
  is: z.object({
    state: boardStateSchema,
    generation: z.int().min(0),
    starts: z.int().min(0),
    attempts: z.int().min(1),
    readyAt: time,
    deadline: time,
    holder: z.object({ member: id32Schema, device: id32Schema, boot: z.string() }).optional(),
    reason: codeSchema.optional(),
    ended: time.optional(),
    acknowledged: z.literal(true).optional(),
  }),
});
export type StoredTask = z.infer<typeof storedTaskSchema>;

/** What the node remembers of a task without asking the store: nothing that was sealed or signed. */
export interface KnownTask {
  readonly task: string;
  readonly asker: string;
  readonly skill: string;
  readonly priority: number;
  readonly created: number;
  readonly after: readonly string[];
  /** Asked for somebody else. */
  readonly acts: boolean;
  /** Members that the input is sealed to. */
  readonly sealedTo: ReadonlySet<string>;
  readonly is: BoardTask;
  readonly revision: number;
}

export function knownTask(stored: StoredTask, revision: number): KnownTask {
  const { task, asker, skill, priority, created, after = [], acts = false, wraps, is } = stored;
  const sealedTo = new Set(wraps.map(({ member }) => member));
  return { task, asker, skill, priority, created, after, acts, sealedTo, is, revision };
}

/** What may be told of a task to its asker. */
export function factsOf(known: Omit<KnownTask, "sealedTo" | "revision">, waitsFor: readonly string[]): BoardFacts {
  const { task, asker, skill, priority, created, is } = known;
  const { state, generation, starts, attempts, readyAt, deadline, holder, reason, ended } = is;
  return {
    task,
    asker,
    skill,
    state,
    priority,
    created,
    deadline,
    attempts,
    starts,
    generation,
    ...(state === "open" && readyAt > created ? { readyAt } : {}),
    ...(state === "open" && waitsFor.length > 0 ? { waitsFor: [...waitsFor] } : {}),
    ...(holder === undefined ? {} : { worker: holder.member, device: holder.device }),
    ...(reason === undefined ? {} : { reason }),
    ...(ended === undefined ? {} : { ended }),
  };
}
