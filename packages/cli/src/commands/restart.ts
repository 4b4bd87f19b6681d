import type { CommandModule } from "../command.ts";
import { printAgents } from "../supervisor/agent-table.ts";
import { namedAgents, supervisedFolder } from "../supervisor/folder-option.ts";
import { askSupervisor } from "../supervisor/supervisor-call.ts";

/** Starts agents anew: running, stopped, held back, or in a folder that has come since. */
export const run: CommandModule["run"] = async (context) => {
  const { out, signal } = context;
  const names = namedAgents(context);
  const folder = await supervisedFolder(context);
  out.progress("starting them anew…");
  const { agents } = await askSupervisor(folder, { op: "restart", names: [...names] }, { signal });
  const asked = agents.filter(({ name }) => names.length === 0 || names.includes(name));
  out.result({ agents: asked }, () => printAgents(out, asked, Date.now()));
  return 0;
};
