/** `parley run --all`: runs the agents of a folder until a signal, or until `parley stop --all`. */
import { resolve } from "node:path";

import { socketPathOf } from "@parley/client/node";
import { systemClock, systemRandom } from "@parley/core";
import type { ExitCode } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { untilAborted } from "../until-aborted.ts";
import { sharedSettings } from "./shared-settings.ts";
import { SupervisorSocket } from "./supervisor-socket.ts";
import { stateFolderOf, Supervisor } from "./supervisor.ts";

export async function runAll({ input, settings, out, cwd, signal, environment }: CommandContext): Promise<ExitCode> {
  const folder = resolve(cwd, input.optionalArgument("agent") ?? ".");
  const supervisor = await Supervisor.open({
    folder,
    environment,
    shared: sharedSettings(settings),
    clock: systemClock,
    random: systemRandom,
  });
  try {
    const asked = Promise.withResolvers<void>();
    const path = socketPathOf(stateFolderOf(folder));
    const socket = await SupervisorSocket.open({ supervisor, path, onEnd: asked.resolve });
    try {
      const names = supervisor.views().map(({ name }) => name);
      out.event(
        { event: "supervising", folder, pid: process.pid, agents: names },
        `running ${names.join(", ")}; parley ps shows them, Ctrl-C stops them all`,
      );
      void supervisor.begin();
      await Promise.race([untilAborted(signal), asked.promise]);
      out.note("stopping the agents…");
      await supervisor.stop([]);
    } finally {
      await socket.close();
    }
  } finally {
    await supervisor.close();
  }
  return 0;
}
