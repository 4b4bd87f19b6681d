/** How agents under a supervisor stand, for a person. */
import { formatDuration } from "../duration.ts";
import { formatMoment } from "../moment.ts";
import type { Presenter } from "../presenter.ts";
import type { AgentView } from "./supervised-agent.ts";

const headings = ["AGENT", "STATE", "PID", "RESTARTS", "UP SINCE", "CPU", "MEMORY", "TASKS", "WHY"];
const bytesOfMiB = 1024 * 1024;

export function printAgents(out: Presenter, agents: readonly AgentView[], now: number): void {
  out.table(
    headings,
    agents.map((agent) => rowOf(agent, now)),
    { cutLast: true },
  );
}

function rowOf({ name, state, pid, restarts, since, cpu, memoryBytes, tasks, ...rest }: AgentView, now: number) {
  return [
    name,
    state,
    pid === undefined ? "" : String(pid),
    String(restarts),
    since === undefined ? "" : formatMoment(since, now),
    cpu === undefined ? "" : `${cpu.toFixed(cpu < 10 ? 1 : 0)} %`,
    memoryBytes === undefined ? "" : `${Math.round(memoryBytes / bytesOfMiB)} MiB`,
    tasks === undefined ? "" : String(tasks),
    whyOf(rest, now),
  ];
}

function whyOf({ nextAt, reason = "" }: Pick<AgentView, "nextAt" | "reason">, now: number): string {
  return nextAt === undefined ? reason : `starts in ${formatDuration(Math.max(1, nextAt - now))}: ${reason}`;
}
