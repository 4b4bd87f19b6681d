import type { CommandModule } from "../command.ts";
import { printAgents } from "../supervisor/agent-table.ts";
import { supervisedFolder } from "../supervisor/folder-option.ts";
import { askSupervisor } from "../supervisor/supervisor-call.ts";

/** Shows the agents that a supervisor runs. */
export const run: CommandModule["run"] = async (context) => {
  const folder = await supervisedFolder(context);
  const { pid, since, agents } = await askSupervisor(folder, { op: "list" }, { signal: context.signal });
  context.out.result({ folder, pid, since, agents }, () => printAgents(context.out, agents, Date.now()));
  return 0;
};
