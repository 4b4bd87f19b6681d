/** The commands on who may act for whom: part of the one table. */
import type { CommandRow } from "./command.ts";

export const delegationCommands: readonly CommandRow[] = [
  {
    path: ["delegation", "give"],
    summary: "Lets another member act for you within limits; prints the chain to hand over",
    arguments: [{ name: "member", means: "@name or id" }],
    options: [
      {
        name: "skills",
        value: "SKILLS",
        means: "what it may call for you, separated by commas; a * stands for any rest",
      },
      { name: "for", value: "TIME", means: "how long, for example 10m (default: 1h, at most 30d)" },
      {
        name: "chain",
        value: "FILE",
        means: "passes on what another member lets you do; - reads the standard input",
      },
    ],
    examples: [
      "parley delegation give @planner --skills search,read* --for 2h",
      "parley delegation give @reader --skills read --chain mine.chain",
    ],
    load: () => import("./commands/delegation-give.ts"),
  },
  {
    path: ["delegation", "list"],
    summary: "Lists the delegations that this device gave and that have not ended",
    examples: ["parley delegation list", "parley delegation list --json"],
    load: () => import("./commands/delegation-list.ts"),
  },
  {
    path: ["delegation", "withdraw"],
    summary: "Takes a delegation back: what is done by it ends within a second",
    arguments: [{ name: "delegation", means: "the id that `delegation list` shows, or its beginning" }],
    examples: ["parley delegation withdraw 9rS2kq"],
    load: () => import("./commands/delegation-withdraw.ts"),
  },
];
