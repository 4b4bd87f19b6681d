/** The commands on what is to be done later: part of the one table. */
import type { CommandRow } from "./command.ts";

export const scheduledCommands: readonly CommandRow[] = [
  {
    path: ["scheduled", "list"],
    summary: "Lists what this device is to do later: messages, and skills of its agent",
    examples: ["parley scheduled list", "parley scheduled list --json"],
    load: () => import("./commands/scheduled-list.ts"),
  },
  {
    path: ["scheduled", "cancel"],
    summary: "Forgets something that this device is to do later",
    arguments: [{ name: "id", means: "as parley scheduled list shows it" }],
    examples: ["parley scheduled cancel Yx3mQp0aT5eJ"],
    load: () => import("./commands/scheduled-cancel.ts"),
  },
];
