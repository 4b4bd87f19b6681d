/** The commands on advisory leases: part of the one table. */
import type { CommandRow } from "./command.ts";

const resource = { name: "resource", means: "what it is about, in your own words: file:src/main.ts, port:8080" };
const life = { name: "for", value: "TIME", means: "how long it lives without a renewal (default: 10m)" };
const wait = { name: "wait", value: "TIME", means: "waits so long while somebody else holds it" };
const note = { name: "note", value: "TEXT", means: "for whoever wants it too: what it is held for" };

export const leaseCommands: readonly CommandRow[] = [
  {
    path: ["lease", "take"],
    summary: "Says that you work on something now, unless somebody else does",
    arguments: [resource],
    options: [life, wait, note],
    examples: [
      "parley lease take file:src/main.ts --for 30m --note refactoring",
      "parley lease take port:8080 --wait 5m",
    ],
    load: () => import("./commands/lease-take.ts"),
  },
  {
    path: ["lease", "renew"],
    summary: "Lets a lease of this device live longer",
    arguments: [resource],
    options: [life],
    examples: ["parley lease renew file:src/main.ts --for 30m"],
    load: () => import("./commands/lease-renew.ts"),
  },
  {
    path: ["lease", "release"],
    summary: "Gives a lease of yours back",
    arguments: [resource],
    examples: ["parley lease release file:src/main.ts"],
    load: () => import("./commands/lease-release.ts"),
  },
  {
    path: ["lease", "list"],
    summary: "Lists who works on what",
    arguments: [{ name: "prefix", means: "only names that begin so", optional: true }],
    examples: ["parley lease list", "parley lease list file:src/ --json"],
    load: () => import("./commands/lease-list.ts"),
  },
  {
    path: ["lease", "break"],
    summary: "Takes a lease away from whoever holds it; for people and operators",
    arguments: [resource],
    examples: ["parley lease break file:src/main.ts"],
    load: () => import("./commands/lease-break.ts"),
  },
  {
    path: ["lease", "run"],
    summary: "Holds a lease while a command runs, and ends with what that ended with",
    arguments: [resource, { name: "command", means: "the command and its arguments, after --", repeatable: true }],
    options: [life, wait, note],
    examples: ["parley lease run database -- npm run migrate", "parley lease run port:8080 --wait 10m -- make serve"],
    load: () => import("./commands/lease-run.ts"),
  },
];
