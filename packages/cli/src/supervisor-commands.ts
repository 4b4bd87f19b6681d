/** The commands on agents that a supervisor runs: part of the one table. */
import type { CommandRow } from "./command.ts";

const folder = {
  name: "folder",
  value: "DIR",
  means: "folder of the agents; the nearest one upward that `run --all` has run, by default",
};
const agents = { name: "agent", means: "as parley ps calls it", optional: true, repeatable: true } as const;
const every = (means: string) => ({ name: "all", means });

export const supervisorCommands: readonly CommandRow[] = [
  {
    path: ["ps"],
    summary: "Shows the agents that `run --all` runs: state, restarts, processor, memory, tasks",
    options: [folder],
    examples: ["parley ps", "parley ps --folder agents --json"],
    load: () => import("./commands/ps.ts"),
  },
  {
    path: ["logs"],
    summary: "Prints what an agent under `run --all` printed",
    arguments: [{ name: "agent", means: "as parley ps calls it" }],
    options: [
      { name: "lines", value: "N", means: "how many of the last lines (default: 100)" },
      { name: "follow", short: "f", means: "goes on with what it prints, until Ctrl-C" },
      folder,
    ],
    examples: ["parley logs librarian", "parley logs librarian --follow --lines 20"],
    load: () => import("./commands/logs.ts"),
  },
  {
    path: ["stop"],
    summary: "Stops agents that `run --all` runs, once they have done what is in hand",
    arguments: [agents],
    options: [every("every agent, and then the supervisor"), folder],
    examples: ["parley stop librarian", "parley stop --all"],
    load: () => import("./commands/stop.ts"),
  },
  {
    path: ["restart"],
    summary: "Starts agents anew: running, stopped, held back, or in a folder that has come since",
    arguments: [agents],
    options: [every("every agent"), folder],
    examples: ["parley restart librarian", "parley restart --all --folder agents"],
    load: () => import("./commands/restart.ts"),
  },
  {
    path: ["service", "print"],
    summary: "Prints a unit file for systemd or launchd that runs a folder's agents, or a registry",
    arguments: [
      { name: "kind", means: "systemd or launchd" },
      { name: "folder", means: "folder of the agents; the working folder by default", optional: true },
    ],
    options: [{ name: "up", means: "a registry, with parley.yaml of that folder" }],
    settings: ["data"],
    examples: [
      "parley service print systemd agents",
      "parley service print launchd agents",
      "parley service print systemd --up",
    ],
    load: () => import("./commands/service-print.ts"),
  },
];
