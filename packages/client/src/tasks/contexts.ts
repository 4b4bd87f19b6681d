/**
 * What was said in a context: read from the tasks that an agent remembers, when somebody goes on with one. Nothing is kept beside
 * them, and a task whose context nobody names again costs nothing.
 */
import { limits, type Message, type Part } from "@parley/protocol";

import type { HeldTask } from "./held-task.ts";
import type { TaskShelf } from "./task-shelf.ts";

/** What was said before in a member's context, oldest first: the newest of it that fits the bounds. */
export function historyOf(
  shelf: Pick<TaskShelf, "all">,
  owner: string,
  contextId: string | undefined,
): readonly Message[] {
  if (contextId === undefined) return [];
  const tasks = [...shelf.all()].filter((held) => held.contextId === contextId && held.owner === owner);
  const said: Message[] = [];
  let bytes = 0;
  for (const held of tasks.toReversed()) {
    bytes += held.bytes + held.record.bytes;
    const words = wordsOf(held);
    if (said.length + words.length > limits.contextMessages || bytes > limits.contextBytes) break;
    said.unshift(...words);
  }
  return said;
}

/** What its caller and its agent said in one task. */
function wordsOf(held: HeldTask): readonly Message[] {
  const { record, id, contextId, task } = held;
  const parts: Part[] = (task.artifacts ?? []).flatMap((artifact) => artifact.parts);
  const result: Message = { messageId: `${id}/result`, role: "ROLE_AGENT", parts, contextId, taskId: id };
  return [record.message, ...record.answers, ...(parts.length === 0 ? [] : [result])];
}
