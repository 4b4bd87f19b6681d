/** Follows a task on a terminal, or as lines of JSON: what comes is printed, what is asked is answered. */
import type { TaskEvent, TaskRun } from "@parley/client";
import { blobOf } from "@parley/client";
import { type Artifact, ParleyError, type Part, type TaskState, type TaskStatus, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { shorten } from "../presenter.ts";
import { askText, isInteractive } from "../terminal.ts";

/** Whose word a task waits for. */
const waitsFor: Partial<Record<TaskState, "others" | "caller">> = {
  TASK_STATE_AUTH_REQUIRED: "others",
  TASK_STATE_INPUT_REQUIRED: "caller",
};
/** Of a question, in an error. */
const questionCharacters = 200;

/** Until the task ends. */
export async function follow(context: CommandContext, task: TaskRun): Promise<void> {
  const answers = [...context.input.texts("answer")];
  for await (const event of task.events) {
    print(context, event);
    if (statusOf(event)?.state === "TASK_STATE_INPUT_REQUIRED") await answer(context, task, event, answers);
  }
}

/** Answers what the agent asks: with the next `--answer`, else by asking on the terminal. */
async function answer(
  { out, signal }: CommandContext,
  task: TaskRun,
  event: TaskEvent,
  answers: string[],
): Promise<void> {
  const given = answers.shift();
  if (given === undefined && (out.json || !isInteractive())) {
    task.cancel();
    const question = shorten(visible(noteOf(event)).replaceAll("\n", " "), questionCharacters);
    throw new ParleyError("invalid_argument", {
      message: `@${task.to.name} asks "${question}" and nobody can be asked here; give --answer TEXT. The task was stopped.`,
    });
  }
  try {
    await task.reply(given ?? (await askText("> ", signal)));
  } catch (error) {
    task.cancel();
    throw error;
  }
}

const statusOf = ({ response }: TaskEvent): TaskStatus | undefined =>
  response.statusUpdate?.status ?? response.task?.status;

const noteOf = (event: TaskEvent): string =>
  statusOf(event)
    ?.message?.parts.map((part) => part.text ?? "")
    .join(" ") ?? "";

function print({ out }: CommandContext, event: TaskEvent): void {
  const { response, path, number, gap } = event;
  const note = noteOf(event);
  if (out.json) {
    const place = { ...(number === undefined ? {} : { number }), ...(gap === undefined ? {} : { gap }) };
    out.event({ type: "event", path, ...place, ...response }, "");
    const waits = waitsFor[statusOf(event)?.state ?? "TASK_STATE_WORKING"];
    if (waits !== undefined) out.event({ type: "waiting", for: waits, text: note }, "");
    return;
  }
  if (gap !== undefined)
    out.note(out.style("dim", `· what came after event ${gap.after} is not remembered one by one`));
  if (note !== "") out.note(out.style("dim", `· ${visible(note)}`));
  const artifact = response.artifactUpdate?.artifact;
  if (artifact !== undefined) for (const text of textsOf(artifact)) out.line(visible(text));
  for (const part of artifact?.parts ?? [])
    if (blobOf(part) !== undefined) out.note(out.style("dim", `· ${leftText(part)}`));
}

const textsOf = (artifact: Artifact): readonly string[] =>
  artifact.parts.flatMap((part) => (part.text === undefined ? [] : [part.text]));

/** Content that is too large to be fetched by itself. */
function leftText(part: Part): string {
  const { filename = "an artifact" } = part;
  return `${visible(filename)}: ${blobOf(part)?.size ?? 0} bytes lie at the registry; see docs/tasks.md`;
}
