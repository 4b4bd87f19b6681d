import { type AnySkill, loadAgent } from "@parley/agent";
import { type ExitCode, ParleyError, visible } from "@parley/protocol";

import { agentPathOf } from "../agent-path.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { processLog } from "../log-line.ts";
import { suggestion } from "../nearest-name.ts";
import { examplesOf, runTrial, type TrialResult } from "../skill-trials.ts";

/** Runs a skill here, without a mesh: with an input, else with its examples. */
export const run: CommandModule["run"] = async (context): Promise<ExitCode> => {
  const { out, cwd, signal, settings } = context;
  const [folder, id] = placeAndSkill(context);
  const agent = await loadAgent(agentPathOf(cwd, folder));
  const chosen = id === undefined ? agent.skills : [skillOf(agent.skills, id)];
  const given = givenInput(context, chosen);
  const trials = given ?? examplesOf(chosen);
  if (trials.length === 0)
    throw new ParleyError("invalid_argument", {
      message: "No skill here has an example with an input; give one with --input or --text.",
    });
  const log = processLog(settings.isSet("log") ? settings.get("log") : "warn", out.json);
  const onProgress = (text: string): void => out.note(`· ${visible(text)}`);
  let failed = 0;
  for (const trial of trials) {
    const result = await runTrial(trial, { agent, signal, log, onProgress });
    if (!result.passed) failed++;
    tell(context, result, given !== undefined);
    if (signal.aborted) break;
  }
  if (given === undefined && !out.json) out.note(`${trials.length - failed} of ${trials.length} examples passed`);
  return failed === 0 ? 0 : 1;
};

/** `skill test search` in an agent's folder names a skill; `skill test agents/first search` both. */
function placeAndSkill({ input }: CommandContext): readonly [string | undefined, string | undefined] {
  const first = input.optionalArgument("agent");
  const second = input.optionalArgument("skill");
  if (second !== undefined || first === undefined) return [first, second];
  return /[./\\]/.test(first) ? [first, undefined] : [undefined, first];
}

function skillOf(skills: readonly AnySkill[], id: string): AnySkill {
  const found = skills.find((skill) => skill.id === id);
  if (found !== undefined) return found;
  const ids = skills.map((skill) => skill.id);
  throw new ParleyError("not_found", { message: `The agent has no skill ${id}${suggestion(id, ids)}.` });
}

function givenInput({ input }: CommandContext, skills: readonly AnySkill[]) {
  const json = input.text("input");
  const text = input.text("text");
  if (json === undefined && text === undefined) return undefined;
  const [skill, other] = skills;
  if (skill === undefined || other !== undefined || (json !== undefined && text !== undefined))
    throw new ParleyError("invalid_argument", { message: "Name one skill, and give it --input or --text." });
  return [{ skill, input: json === undefined ? text : parsed(json) }];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new ParleyError("invalid_argument", { message: "--input is not JSON; words go with --text." });
  }
}

function tell({ out }: CommandContext, result: TrialResult, only: boolean): void {
  const { skill, passed, output, error, tookMs } = result;
  const ended = error === undefined ? JSON.stringify(output) : `${error.message} (${error.code})`;
  const mark = out.style(passed ? "green" : "red", passed ? "passed" : "failed");
  out.event(
    result,
    only && passed ? ended : `${mark}  ${skill} ${shown(result.input)}  ${tookMs} ms  ${visible(ended)}`,
  );
}

/** Characters of an input in a line. */
const mostShown = 80;

function shown(input: unknown): string {
  const text = JSON.stringify(input) ?? "";
  return visible(text.length > mostShown ? `${text.slice(0, mostShown - 1)}…` : text);
}
