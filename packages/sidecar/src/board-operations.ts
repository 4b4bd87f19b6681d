/** The operations on work for anyone with a skill. */
import {
  boardFactsSchema,
  boardKeySchema,
  boardStates,
  boardStateSchema,
  compactSchema,
  id16Schema,
  limits,
  skillIdSchema,
  streamResponseSchema,
  taskSchema,
} from "@parley/protocol";
import { z } from "zod";

import { hops, none, operation } from "./operation-row.ts";

const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);
const task = z.strictObject({ task: id16Schema });
const time = z.exactOptional(z.int().min(0));
const facts = z.object({ facts: boardFactsSchema });

const outcomeSchema = z.object({
  facts: boardFactsSchema,
  task: taskSchema,
  output: z.unknown(),
  text: z.string(),
  worker: z.object({ member: z.string(), name: z.string(), device: z.string() }),
});

export const boardOperations = {
  submitBoardTask: operation(
    "Puts a task on the board, for anyone with the skill; answers when the registry has it on disk.",
    z.strictObject({
      skill: skillIdSchema,
      input: z.exactOptional(z.json()),
      text: z.exactOptional(z.string()),
      priority: z.exactOptional(z.int().min(0).max(limits.boardPriority)),
      notBefore: time,
      deadline: time,
      attempts: z.exactOptional(z.int().min(1).max(limits.boardAttempts)),
      timeLimitMs: z.exactOptional(z.int().min(1).max(limits.taskMs)),
      after: z.exactOptional(z.array(id16Schema).max(limits.boardAfter)),
      key: z.exactOptional(boardKeySchema),
      chain: z.exactOptional(z.array(compactSchema).min(1).max(limits.delegationChain)),
      hops,
      through: z.exactOptional(
        z.array(z.object({ member: z.string().max(64), skill: skillIdSchema })).max(limits.hops),
      ),
    }),
    facts,
    none,
  ),
  boardTasks: operation(
    "Own tasks on the board, newest first.",
    z.strictObject({
      states: z.exactOptional(z.array(boardStateSchema).min(1).max(boardStates.length)),
      skill: z.exactOptional(skillIdSchema),
      limit: z.exactOptional(z.int().min(1).max(limits.pageSize)),
      after: z.exactOptional(z.string().max(128)),
    }),
    z.object({ tasks: z.array(boardFactsSchema).readonly(), next: maybe(z.string()) }),
    none,
  ),
  boardTask: operation(
    "A task on the board with what was asked and what came of it.",
    task,
    z.object({
      facts: boardFactsSchema,
      asked: maybe(z.object({ input: z.unknown(), text: z.string() })),
      outcome: maybe(outcomeSchema),
      error: maybe(z.object({ code: z.string(), message: z.string() })),
      acts: z.array(z.object({ type: z.string(), by: z.string(), at: z.number() })).readonly(),
    }),
    none,
  ),
  followBoardTask: operation(
    "Streams how a task on the board stands until it ends; the reply is its outcome. Cancelling stops only the stream.",
    task,
    outcomeSchema,
    z.union([facts, z.object({ progress: streamResponseSchema })]),
  ),
  cancelBoardTask: operation("Cancels a task on the board.", task, facts, none),
  retryBoardTask: operation("Has a task on the board tried again that ended without success.", task, facts, none),
  exportBoardTask: operation(
    "What was signed about a task on the board, as the text of a file.",
    task,
    z.object({ text: z.string() }),
    none,
  ),
} as const;
