import { dirname, resolve } from "node:path";

import { envFileWarning, loadAgent, runAgent } from "@parley/agent";
import { findAgentFolder } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { processLog } from "../log-line.ts";
import { openDevice } from "../open-device.ts";
import { watchConnection } from "../session-watch.ts";
import { untilAborted } from "../until-aborted.ts";

/** Runs an agent until a signal, then lets it finish what it has in hand. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, cwd, signal, settings } = context;
  const given = input.optionalArgument("agent");
  const path = given === undefined ? findAgentFolder(cwd) : resolve(cwd, given);
  if (path === undefined)
    throw new ParleyError("invalid_manifest", {
      message: "There is no agent.yaml here or above; `parley init` writes one.",
    });
  const agent = await loadAgent(path);
  const warning = await envFileWarning(/\.[a-z]+$/u.test(path) ? dirname(path) : path);
  if (warning !== undefined) out.note(warning);
  const opened = await openDevice(context, { hold: true, links: agent.manifest.links });
  try {
    const { device } = opened;
    const log = processLog(settings.get("log"), out.json);
    const running = await runAgent({ agent, device, log });
    const skills = agent.skills.map(({ id }) => id);
    const leave = watchConnection(device, (connected) =>
      out.note(
        connected
          ? "the registry can be reached again"
          : "the registry cannot be reached; links stay up, and it is tried again and again",
      ),
    );
    out.event(
      { event: "ready", name: device.name, member: device.member, device: device.device, skills },
      `@${device.name} is ready: ${skills.join(", ") || "no skills"}. Ctrl-C stops it.`,
    );
    const stopped = await Promise.race([untilAborted(signal), untilEnded(device)]);
    out.note(`stopping: ${running.tasks} tasks in hand…`);
    leave();
    await running.stop();
    if (stopped !== undefined) throw stopped;
    return 0;
  } finally {
    await opened.close();
  }
};

/** Resolves when the session ended for good: revoked, superseded. */
function untilEnded(device: Awaited<ReturnType<typeof openDevice>>["device"]): Promise<ParleyError> {
  return new Promise((resolvePromise) => {
    device.watch((event) => {
      if (event.type === "session" && event.state === "stopped" && event.error !== undefined)
        resolvePromise(new ParleyError(event.error.code, { message: event.error.message }));
    });
  });
}
