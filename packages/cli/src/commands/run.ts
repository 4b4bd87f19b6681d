import { dirname } from "node:path";

import { type Agent, envFileWarning, loadAgent, runAgent } from "@parley/agent";
import type { DeviceApi } from "@parley/client";
import type { Restriction } from "@parley/core";

import { agentPathOf } from "../agent-path.ts";
import { followChanges } from "../changed-agent.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { stoppedBy, untilEnded } from "../device-end.ts";
import { processLog } from "../log-line.ts";
import { openDevice } from "../open-device.ts";
import { restrictionJson, restrictionText } from "../restriction-text.ts";
import { watchConnection } from "../session-watch.ts";
import { answerSupervisor } from "../supervisor/agent-use.ts";
import { type ThinkingAgent, thinkingAgent } from "../thinking-agent.ts";
import { untilAborted } from "../until-aborted.ts";

/** Runs an agent until a signal, then lets it finish what it has in hand. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, cwd, signal, settings } = context;
  if (input.switch("all")) return (await import("../supervisor/run-all.ts")).runAll(context);
  const path = agentPathOf(cwd, input.optionalArgument("agent"));
  const loaded = await loadAgent(path);
  const warning = await envFileWarning(/\.[a-z]+$/u.test(path) ? dirname(path) : path);
  if (warning !== undefined) out.note(warning);
  const opened = await openDevice(context, { hold: true, links: loaded.manifest.links });
  const thinking: ThinkingAgent[] = [];
  try {
    const { device } = opened;
    const { kind } = (await opened.home.mesh()).identity;
    const held = (await opened.trust()).restrictions.of({ member: device.member, kind }, Date.now());
    if (held?.kind === "stopped") throw stoppedBy(held);
    const log = processLog(settings.get("log"), out.json);
    const think = async (next: Agent): Promise<Agent> => {
      const made = await thinkingAgent(next, { path, home: opened.home.path, log });
      thinking.push(made);
      return made.agent;
    };
    const agent = await think(loaded);
    const running = await runAgent({ agent, device, log });
    answerSupervisor(() => running.tasks);
    const skills = agent.skills.map(({ id }) => id);
    const leave = watchConnection(device, (connected) =>
      out.note(
        connected
          ? "the registry can be reached again"
          : "the registry cannot be reached; links stay up, and it is tried again and again",
      ),
    );
    const unwatch = watchStanding(context, device);
    const load = async (): Promise<Agent> => think(await loadAgent(path));
    const unfollow = input.switch("watch") ? followChanges({ path, agent, load, running, out }) : () => undefined;
    if (held !== undefined) tellStanding(context, held);
    out.event(
      { event: "ready", name: device.name, member: device.member, device: device.device, skills },
      `@${device.name} is ready: ${skills.join(", ") || "no skills"}. Ctrl-C stops it.`,
    );
    const stopped = await Promise.race([untilAborted(signal), untilEnded(device)]);
    out.note(`stopping: ${running.tasks} tasks in hand…`);
    leave();
    unwatch();
    unfollow();
    await running.stop();
    if (stopped !== undefined) throw stopped;
    return 0;
  } finally {
    for (const each of thinking) await each.close();
    await opened.close();
  }
};

/** Says in words what an operator puts the agent under, and when that is over. */
function watchStanding(context: CommandContext, device: DeviceApi): () => void {
  return device.watch((event) => {
    if (event.type === "restricted") tellStanding(context, event.restriction);
  });
}

function tellStanding({ out }: CommandContext, restriction: Restriction | undefined): void {
  if (restriction === undefined) return out.event({ event: "restricted" }, "nothing holds this agent back any more");
  const means =
    restriction.kind === "muted" ? "it reads and does not write" : "it takes nothing new, and what is sent to it waits";
  out.event(
    { event: "restricted", ...restrictionJson(restriction) },
    `an operator has this agent ${restrictionText(restriction)}: ${means}`,
  );
}
