import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { type Agent, createAgent, loadAgent, runAgent } from "@parley/agent";
import { limits } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { untilEnded } from "../device-end.ts";
import { processLog } from "../log-line.ts";
import { openDevice, openHome } from "../open-device.ts";
import { watchConnection } from "../session-watch.ts";
import { ProgramHost } from "../sidecar/program-host.ts";
import { untilAborted } from "../until-aborted.ts";

/** Programs bound themselves: what they declare counts, not what an agent's manifest has by default. */
const withoutManifest = { concurrentTasks: limits.taskCalls, taskSeconds: limits.taskMs / 1000 };

/** Holds the device until a signal, and lets programs serve skills through it. */
export const run: CommandModule["run"] = async (context) => {
  const { out, signal, settings } = context;
  const agent = await agentFor(context);
  const { guards, links } = agent.manifest;
  const host = new ProgramHost({
    mostHops: guards.hops,
    onOffer: (program, skills, state) =>
      out.event(
        { event: state, program, skills },
        `${program} ${state === "serving" ? "serves" : "serves no more"}: ${skills.join(", ")}`,
      ),
  });
  const opened = await openDevice(context, { hold: true, links, programs: host });
  try {
    const { device, home } = opened;
    const log = processLog(settings.get("log"), out.json);
    const running = await runAgent({ agent, device, log, leavesMessages: agent.onMessage === undefined });
    host.begin(running);
    const leave = watchConnection(device, (connected) =>
      out.note(connected ? "the registry can be reached again" : "the registry cannot be reached; it is tried again"),
    );
    out.event(
      {
        event: "ready",
        name: device.name,
        member: device.member,
        device: device.device,
        socket: home.socketPath,
        skills: running.skills,
      },
      `@${device.name} is there for programs at ${home.socketPath}. Ctrl-C stops it.`,
    );
    const stopped = await Promise.race([untilAborted(signal), untilEnded(device)]);
    out.note(`stopping: ${running.tasks} tasks in hand…`);
    leave();
    await running.stop();
    if (stopped !== undefined) throw stopped;
    return 0;
  } catch (error) {
    host.fail(error);
    throw error;
  } finally {
    await opened.close();
  }
};

/** What agent.yaml says, where there is one beside the home; else an agent that has nothing but its name. */
async function agentFor(context: CommandContext): Promise<Agent> {
  const { input, cwd, settings } = context;
  const given = input.optionalArgument("agent");
  const beside = dirname(resolve(cwd, settings.home.path));
  if (given !== undefined) return loadAgent(resolve(cwd, given));
  if (existsSync(join(beside, "agent.yaml"))) return loadAgent(beside);
  const { identity } = await (await openHome(context)).mesh();
  return createAgent({ name: identity.name, skills: [], limits: withoutManifest });
}
