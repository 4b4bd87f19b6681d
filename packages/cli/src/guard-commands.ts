/** The commands on what may reach an agent's program: part of the one table. */
import type { CommandRow } from "./command.ts";

export const guardCommands: readonly CommandRow[] = [
  {
    path: ["attention", "set"],
    summary: "Says what may reach the agent's program: open, mentions or do-not-disturb",
    arguments: [{ name: "mode", means: "open, mentions, do-not-disturb; or manifest, for what agent.yaml says" }],
    options: [{ name: "for", value: "TIME", means: "so long; then what agent.yaml says holds again" }],
    examples: ["parley attention set do-not-disturb --for 1h", "parley attention set open"],
    load: () => import("./commands/attention-set.ts"),
  },
  {
    path: ["attention", "show"],
    summary: "Shows what may reach the agent's program",
    examples: ["parley attention show"],
    load: () => import("./commands/attention-show.ts"),
  },
  {
    path: ["guard", "list"],
    summary: "Lists conversations that stand still and strangers that wait",
    examples: ["parley guard list", "parley guard list --json"],
    load: () => import("./commands/guard-list.ts"),
  },
  {
    path: ["guard", "resume"],
    summary: "Lets a conversation go on in which agents went round in circles",
    arguments: [
      { name: "conversation", means: "@name or '#channel' in quotes; the key that `guard list` shows for a thread" },
    ],
    examples: ["parley guard resume @reviewer", "parley guard resume '#general'"],
    load: () => import("./commands/guard-resume.ts"),
  },
  {
    path: ["guard", "admit"],
    summary: "Lets somebody who came through an edge reach the agent's program",
    arguments: [{ name: "client", means: "the id that `guard list` shows" }],
    examples: ["parley guard admit 9rS2kq.../1a2b3c4d"],
    load: () => import("./commands/guard-admit.ts"),
  },
];
