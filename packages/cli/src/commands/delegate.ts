import type { DelegationTerms, TaskEvent, TaskRun } from "@parley/client";
import {
  type Artifact,
  limits,
  ParleyError,
  skillIdSchema,
  type TaskState,
  type TaskStatus,
  visible,
} from "@parley/protocol";

import { allowedPaths } from "../allowed-paths.ts";
import { parseSkills, readChain } from "../chain-file.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { checkAnyOptions, delegateToAny } from "../delegate-any.ts";
import { formatDuration } from "../duration.ts";
import { Explanation } from "../explanation.ts";
import { withDevice } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";
import { shorten } from "../presenter.ts";
import { askText, isInteractive } from "../terminal.ts";

/** Gives work to an agent, streams what comes and prints the result. */
export const run: CommandModule["run"] = async (context) => {
  const { input, settings, signal, out } = context;
  const { to, skill } = parseTarget(input.argument("skill"));
  checkAnyOptions(context);
  const json = input.optionalArgument("input");
  const text = input.text("text");
  const mandate = mandateOf(context);
  const file = input.text("as");
  const chain = file === undefined ? undefined : await readChain(file, signal);
  const request = {
    skill,
    ...(json === undefined ? {} : { input: parseInput(json) }),
    ...(text === undefined ? {} : { text }),
    timeLimitMs: settings.get("time-limit"),
    ...allowedPaths(settings),
    ...(mandate === undefined ? {} : { mandate }),
    ...(chain === undefined ? {} : { chain }),
    signal,
  };
  if (input.switch("any")) {
    if (to !== undefined)
      throw new ParleyError("invalid_argument", { message: "With --any nobody is named: give the skill alone." });
    const { skill: of, input: data, text: words, timeLimitMs, chain: links } = request;
    return delegateToAny(context, {
      skill: of,
      timeLimitMs,
      ...(data === undefined ? {} : { input: data }),
      ...(words === undefined ? {} : { text: words }),
      ...(links === undefined ? {} : { chain: links }),
    });
  }
  return withDevice(context, async ({ device }) => {
    const explanation = input.switch("explain") ? await Explanation.before(device, to, skill) : undefined;
    out.progress(`asking for ${skill}…`);
    const task = await device.delegate(to, request);
    // Read below, after the events, which fail with the same error.
    task.outcome.catch(() => undefined);
    const who = task.to;
    out.event(
      {
        type: "started",
        to: { name: who.name, member: who.member, device: who.device },
        skill,
        ...(mandate === undefined ? {} : { mayCall: mandate.skills }),
      },
      out.style("dim", `@${device.name} -> @${who.name}/${skill}`),
    );
    if (mandate !== undefined) {
      const { skills, lifeMs = request.timeLimitMs } = mandate;
      const inWords = `@${who.name} may call ${skills.join(", ")} for ${formatDuration(lifeMs)}`;
      out.note(out.style("dim", `${inWords}; \`parley delegation list\` shows it`));
    }
    await follow(context, task);
    const { path, reason, tookMs, output, text: words } = await task.outcome;
    if (explanation !== undefined) {
      const reasons = explanation.after(device, task.to, path, reason);
      if (out.json) out.event({ type: "explanation", ...reasons }, "");
      else for (const line of reasons.lines) out.note(line);
    }
    if (out.json)
      out.event(
        {
          type: "result",
          state: "TASK_STATE_COMPLETED",
          taskId: task.taskId,
          to: who.name,
          path,
          reason,
          tookMs,
          output: output ?? null,
          text: words,
        },
        "",
      );
    else if (output !== undefined)
      out.line(visible(typeof output === "string" ? output : JSON.stringify(output, undefined, 2)));
    out.note(out.style("dim", `path: ${path}  took: ${formatDuration(tookMs)}`));
    if (explanation === undefined && reason !== undefined)
      out.note(out.style("dim", `${path}, because ${pathReasonText(reason, path)}`));
    return 0;
  });
};

/** Whose word a task waits for. */
const waitsFor: Partial<Record<TaskState, "others" | "caller">> = {
  TASK_STATE_AUTH_REQUIRED: "others",
  TASK_STATE_INPUT_REQUIRED: "caller",
};
/** Of a question, in an error. */
const questionCharacters = 200;

/** What the agent may call in turn. */
function mandateOf({ input }: CommandContext): DelegationTerms | undefined {
  const skills = input.text("may-call");
  const lifeMs = input.duration("may-call-for", limits.delegationLifeMs);
  if (skills !== undefined)
    return { skills: parseSkills("may-call", skills), ...(lifeMs === undefined ? {} : { lifeMs }) };
  if (lifeMs === undefined) return undefined;
  throw new ParleyError("invalid_argument", { message: "--may-call-for needs --may-call, which says what." });
}

/** `search`, or `@librarian/search`. */
function parseTarget(text: string): { to: string | undefined; skill: string } {
  const match = /^(?:(@[^/]+)\/)?([^/]+)$/.exec(text);
  const skill = skillIdSchema.safeParse(match?.[2]);
  if (match === null || !skill.success || text.startsWith("@") !== (match[1] !== undefined))
    throw new ParleyError("invalid_argument", { message: `"${text}" is neither a skill nor @member/skill.` });
  return { to: match[1], skill: skill.data };
}

function parseInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ParleyError("invalid_argument", {
      message: `The input is not JSON: ${cause instanceof Error ? cause.message : ""}; for words use --text.`,
      cause,
    });
  }
}

async function follow(context: CommandContext, task: TaskRun): Promise<void> {
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
  const { response, path } = event;
  const note = noteOf(event);
  if (out.json) {
    out.event({ type: "event", path, ...response }, "");
    const waits = waitsFor[statusOf(event)?.state ?? "TASK_STATE_WORKING"];
    if (waits !== undefined) out.event({ type: "waiting", for: waits, text: note }, "");
    return;
  }
  if (note !== "") out.note(out.style("dim", `· ${visible(note)}`));
  const artifact = response.artifactUpdate?.artifact;
  if (artifact !== undefined) for (const text of textsOf(artifact)) out.line(visible(text));
}

const textsOf = (artifact: Artifact): readonly string[] =>
  artifact.parts.flatMap((part) => (part.text === undefined ? [] : [part.text]));
