import type { CommandModule } from "../command.ts";
import { namedAgents, supervisedFolder } from "../supervisor/folder-option.ts";
import { askSupervisor } from "../supervisor/supervisor-call.ts";
import type { SupervisorRequest } from "../supervisor/supervisor-lines.ts";

/** Stops agents that a supervisor runs; with `--all` the supervisor too. */
export const run: CommandModule["run"] = async (context) => {
  const { out, signal } = context;
  const names = namedAgents(context);
  const folder = await supervisedFolder(context);
  out.progress("waiting until they have ended…");
  const ask: SupervisorRequest = names.length === 0 ? { op: "end" } : { op: "stop", names: [...names] };
  const { agents } = await askSupervisor(folder, ask, { signal });
  const stopped = agents.map(({ name }) => name).filter((name) => names.length === 0 || names.includes(name));
  out.result({ stopped, supervisor: names.length === 0 ? "ended" : "running" }, () => {
    for (const name of stopped) out.line(`stopped ${name}`);
    if (names.length === 0) out.line("the supervisor has ended");
  });
  return 0;
};
