/** The commands on an agent's own skills: part of the one table. */
import type { CommandRow } from "./command.ts";

export const skillCommands: readonly CommandRow[] = [
  {
    path: ["skill", "list"],
    summary: "Lists the skills in an agent's files, with who may call them and their limits",
    arguments: [
      {
        name: "agent",
        means: "folder, agent.yaml or module; the nearest agent.yaml upward by default",
        optional: true,
      },
    ],
    examples: ["parley skill list", "parley skill list agents/first --json"],
    load: () => import("./commands/skill-list.ts"),
  },
  {
    path: ["skill", "test"],
    summary: "Runs a skill here, without a mesh: with an input, else with its examples",
    arguments: [
      { name: "agent", means: "folder (with a / in it), agent.yaml or module; may be left out", optional: true },
      { name: "skill", means: "its id; every skill by default", optional: true },
    ],
    options: [
      { name: "input", value: "JSON", means: "what goes in" },
      { name: "text", value: "TEXT", means: "words that go in" },
    ],
    settings: ["log"],
    examples: [
      "parley skill test",
      'parley skill test greet --input \'{"name":"Ada"}\'',
      "parley skill test ./agents/first greet",
    ],
    load: () => import("./commands/skill-test.ts"),
  },
];
