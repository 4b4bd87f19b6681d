/** The commands on tasks after they were given: part of the one table. */
import type { CommandArgument, CommandRow } from "./command.ts";

const task: CommandArgument = { name: "task", means: "its id, or the beginning of it that parley task list shows" };

export const taskCommands: readonly CommandRow[] = [
  {
    path: ["task", "list"],
    summary: "Lists your tasks on the board, newest first",
    options: [
      { name: "state", value: "STATES", means: "only these: open, leased, completed, failed, canceled, expired" },
      { name: "skill", value: "SKILL", means: "only of this skill" },
      { name: "limit", value: "N", means: "how many (default: 50)" },
    ],
    examples: ["parley task list", "parley task list --state open,leased --json"],
    load: () => import("./commands/task-list.ts"),
  },
  {
    path: ["task", "show"],
    summary: "Shows all of a task: what was asked, where it stands, what came of it",
    arguments: [task],
    examples: ["parley task show 7WFCnC0b", "parley task show 7WFCnC0b --json"],
    load: () => import("./commands/task-show.ts"),
  },
  {
    path: ["task", "follow"],
    summary: "Waits for a task's end and prints its result, with progress while its worker is there",
    arguments: [task],
    examples: ["parley task follow 7WFCnC0b", "parley task follow 7WFCnC0b --json"],
    load: () => import("./commands/task-follow.ts"),
  },
  {
    path: ["task", "cancel"],
    summary: "Cancels a task; whoever works on it stops",
    arguments: [task],
    examples: ["parley task cancel 7WFCnC0b"],
    load: () => import("./commands/task-cancel.ts"),
  },
  {
    path: ["task", "retry"],
    summary: "Has a task tried again that ended without success, as often as before",
    arguments: [task],
    examples: ["parley task retry 7WFCnC0b"],
    load: () => import("./commands/task-retry.ts"),
  },
  {
    path: ["task", "export"],
    summary: "Writes what was signed about a task to a file that can be verified elsewhere",
    arguments: [task, { name: "file", means: "the file to write; must not exist" }],
    examples: ["parley task export 7WFCnC0b task.json"],
    load: () => import("./commands/task-export.ts"),
  },
  {
    path: ["task", "verify"],
    summary: "Verifies an exported task, without asking anybody",
    arguments: [{ name: "file", means: "what parley task export wrote" }],
    options: [{ name: "mesh", value: "ID", means: "the mesh that the file is of (default: this home's)" }],
    examples: ["parley task verify task.json", "parley task verify task.json --mesh ID --json"],
    load: () => import("./commands/task-verify.ts"),
  },
];
