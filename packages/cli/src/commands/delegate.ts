import type { DelegationTerms } from "@parley/client";
import { limits, ParleyError, skillIdSchema, visible } from "@parley/protocol";

import { allowedPaths } from "../allowed-paths.ts";
import { parseSkills, readChain } from "../chain-file.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { Explanation } from "../explanation.ts";
import { withDevice } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";
import { follow } from "../tasks/task-follow.ts";

/** Gives work to an agent, streams what comes and prints the result. */
export const run: CommandModule["run"] = async (context) => {
  const { input, settings, signal, out } = context;
  const { to, skill } = parseTarget(input.argument("skill"));
  const json = input.optionalArgument("input");
  const text = input.text("text");
  const mandate = mandateOf(context);
  const file = input.text("as");
  const contextId = input.text("context");
  const chain = file === undefined ? undefined : await readChain(file, signal);
  const request = {
    skill,
    ...(json === undefined ? {} : { input: parseInput(json) }),
    ...(text === undefined ? {} : { text }),
    timeLimitMs: settings.get("time-limit"),
    ...allowedPaths(settings),
    ...(contextId === undefined ? {} : { contextId }),
    ...(mandate === undefined ? {} : { mandate }),
    ...(chain === undefined ? {} : { chain }),
    signal,
  };
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
    const { path, reason, tookMs, output, text: words, task: ended } = await task.outcome;
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
          contextId: ended.contextId,
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
