/** The commands about tasks: part of the one table. */
import type { CommandArgument, CommandRow } from "./command.ts";

const task: CommandArgument = { name: "task", means: "its id, or the beginning of it, as parley task list shows it" };
const linkSettings = ["link-address", "link-ports", "link-interfaces", "link-policy", "ice-servers"] as const;

export const taskCommands: readonly CommandRow[] = [
  {
    path: ["task", "list"],
    summary: "Lists tasks: those that you asked for, and those that this agent works on",
    options: [{ name: "open", means: "only those that have not ended" }],
    examples: ["parley task list", "parley task list --open --json"],
    load: () => import("./commands/task-list.ts"),
  },
  {
    path: ["task", "show"],
    summary: "Shows one task as its agent holds it, else as it is remembered here",
    arguments: [task],
    settings: [...linkSettings],
    examples: ["parley task show pYQX2fJ0WmB1yR4k", "parley task show pYQX --json"],
    load: () => import("./commands/task-show.ts"),
  },
  {
    path: ["task", "follow"],
    summary: "Follows a task again, also after a restart, from the last event that came",
    arguments: [task],
    options: [
      { name: "after", value: "N", means: "from the event after this number; 0 for all" },
      { name: "answer", value: "TEXT", means: "answers the agent's next question", repeatable: true },
    ],
    settings: [...linkSettings],
    examples: ["parley task follow pYQX2fJ0WmB1yR4k", "parley task follow pYQX --after 0 --json"],
    load: () => import("./commands/task-follow.ts"),
  },
  {
    path: ["task", "cancel"],
    summary: "Asks the agent to stop a task, or stops the own work on one",
    arguments: [task],
    settings: [...linkSettings],
    examples: ["parley task cancel pYQX2fJ0WmB1yR4k"],
    load: () => import("./commands/task-cancel.ts"),
  },
  {
    path: ["task", "export"],
    summary: "Writes the signed timeline of a task into a file",
    arguments: [task],
    options: [{ name: "output", value: "FILE", means: "where to (default: the standard output)" }],
    settings: [...linkSettings],
    examples: ["parley task export pYQX2fJ0WmB1yR4k --output task.json"],
    load: () => import("./commands/task-export.ts"),
  },
  {
    path: ["task", "verify"],
    summary: "Verifies an exported timeline of a task, without asking anybody",
    arguments: [{ name: "file", means: "what parley task export wrote" }],
    options: [{ name: "mesh", value: "ID", means: "the mesh that is believed (default: that of this home)" }],
    examples: ["parley task verify task.json", "parley task verify task.json --json"],
    load: () => import("./commands/task-verify.ts"),
  },
];
