/** Commands about who may do what: a part of the table of `commands.ts`. */
import type { CommandRow } from "./command.ts";

const restricted = {
  arguments: [{ name: "members", means: "@name or id, one or more", optional: true, repeatable: true }],
  options: [
    { name: "all-agents", means: "every agent, those that come later too" },
    {
      name: "for",
      value: "TIME",
      means: "after which it ends by itself, for example 1h (default: until it is lifted)",
    },
    { name: "reason", value: "TEXT", means: "why; everybody who is refused is told" },
  ],
} as const;
const lifted = {
  arguments: [{ name: "members", means: "@name or id, one or more", optional: true, repeatable: true }],
  options: [{ name: "all-agents", means: "ends what holds for all agents, and for each of them" }],
} as const;

/** What operators put members under. */
const restrictionCommands: readonly CommandRow[] = [
  {
    path: ["member", "pause"],
    summary: "Pauses members: they write and take nothing until they are resumed, and what is sent to them waits",
    ...restricted,
    examples: [
      "parley member pause @builder --for 1h --reason 'looks odd'",
      "parley member pause @builder @tester",
      "parley member pause --all-agents",
    ],
    load: async () => (await import("./commands/member-restrict.ts")).pause,
  },
  {
    path: ["member", "resume"],
    summary: "Lets members go on that were paused or stopped",
    ...lifted,
    examples: ["parley member resume @builder", "parley member resume --all-agents"],
    load: async () => (await import("./commands/member-restrict.ts")).resume,
  },
  {
    path: ["member", "stop"],
    summary: "Stops members: as pause, and `parley run` ends and does not start again before they are resumed",
    ...restricted,
    examples: ["parley member stop @builder", "parley member stop --all-agents --reason 'incident 12'"],
    load: async () => (await import("./commands/member-restrict.ts")).stop,
  },
  {
    path: ["member", "mute"],
    summary: "Mutes members in the whole mesh: they read and do not write",
    ...restricted,
    examples: ["parley member mute @builder --for 30m"],
    load: async () => (await import("./commands/member-restrict.ts")).mute,
  },
  {
    path: ["member", "unmute"],
    summary: "Lets muted members write again",
    ...lifted,
    examples: ["parley member unmute @builder"],
    load: async () => (await import("./commands/member-restrict.ts")).unmute,
  },
  {
    path: ["member", "ban"],
    summary: "Keeps members out of the mesh for a time; to keep one out for good, revoke it",
    ...restricted,
    examples: ["parley member ban @visitor --for 1d --reason 'spam'"],
    load: async () => (await import("./commands/member-restrict.ts")).ban,
  },
  {
    path: ["member", "unban"],
    summary: "Lets banned members in again",
    ...lifted,
    examples: ["parley member unban @visitor"],
    load: async () => (await import("./commands/member-restrict.ts")).unban,
  },
  {
    path: ["member", "kick"],
    summary: "Ends the sessions that a member has now; it may come back",
    arguments: [{ name: "member", means: "@name or id" }],
    examples: ["parley member kick @builder"],
    load: () => import("./commands/member-kick.ts"),
  },
];

const budgetWho = {
  arguments: [{ name: "who", means: "@name, tag:x, role:x, kind:agent or '*'; one or more", repeatable: true }],
} as const;
const budgetSums = [
  { name: "messages", value: "SUM", means: "messages, calls and posts together, per hour or day: 500/h or 500/h,5k/d" },
  { name: "tokens", value: "SUM", means: "tokens of models, as the member reports them: 1M/d" },
  { name: "money", value: "SUM", means: "in the mesh's unit of money, as the member reports it: 2.50/d" },
  { name: "note", value: "TEXT", means: "why" },
] as const;

/** What members may use up. */
const budgetCommands: readonly CommandRow[] = [
  {
    path: ["budget", "show"],
    summary: "Shows budgets and what was used of them: one's own, for operators everybody's",
    arguments: [{ name: "member", means: "@name or id; all that you may see by default", optional: true }],
    examples: ["parley budget show", "parley budget show @builder", "parley budget show --json"],
    load: () => import("./commands/budget-show.ts"),
  },
  {
    path: ["budget", "set"],
    summary: "Sets a budget: the policy is published anew with it",
    ...budgetWho,
    options: budgetSums,
    examples: ["parley budget set kind:agent --messages 500/h,5k/d", "parley budget set @builder --tokens 1M/d"],
    load: async () => (await import("./commands/budget-set.ts")).set,
  },
  {
    path: ["budget", "allow"],
    summary: "Lets another budget hold for a time, in the place of those that hold always",
    ...budgetWho,
    options: [...budgetSums, { name: "for", value: "TIME", means: "how long, for example 2h" }],
    examples: ["parley budget allow @builder --messages 5k/h --for 2h --note 'release day'"],
    load: async () => (await import("./commands/budget-set.ts")).allow,
  },
  {
    path: ["budget", "remove"],
    summary: "Takes the budget of somebody out of the policy",
    ...budgetWho,
    examples: ["parley budget remove @builder"],
    load: async () => (await import("./commands/budget-set.ts")).remove,
  },
];

const policyFile = { name: "file", means: "the policy in YAML" };

export const authorityCommands: readonly CommandRow[] = [
  ...restrictionCommands,
  {
    path: ["policy", "show"],
    summary: "Shows the policy that holds: its rules, who signed it and when",
    options: [{ name: "default", means: "the built-in one, which holds while no other is published" }],
    examples: ["parley policy show", "parley policy show --default", "parley policy show --json"],
    load: () => import("./commands/policy-show.ts"),
  },
  {
    path: ["policy", "check"],
    summary: "Checks a policy in a file, and names rules that do nothing",
    arguments: [policyFile],
    options: [{ name: "offline", means: "does not ask the registry whether the names in it are anybody's" }],
    examples: ["parley policy check policy.yaml", "parley policy check policy.yaml --offline"],
    load: () => import("./commands/policy-check.ts"),
  },
  {
    path: ["policy", "publish"],
    summary: "Signs a policy and puts it in force, once you have seen what it changes",
    arguments: [policyFile],
    options: [{ name: "yes", means: "does not ask" }],
    examples: ["parley policy publish policy.yaml", "parley policy publish policy.yaml --yes"],
    load: () => import("./commands/policy-publish.ts"),
  },
  {
    path: ["policy", "explain"],
    summary: "Says whether somebody may do something, and which rule decides; ends with 4 when not",
    arguments: [
      { name: "who", means: "@name" },
      { name: "action", means: "see, call, message, post, invite or approve" },
      { name: "object", means: "@name, @name/skill, or '#channel' in quotes", optional: true },
    ],
    options: [
      { name: "file", value: "FILE", means: "asks the policy in this file, in force or not" },
      { name: "role", value: "ROLE", means: "as if the first one had this role (default: its own)" },
      { name: "kind", value: "KIND", means: "as if the first one were this: agent or person (default: what it is)" },
    ],
    examples: [
      "parley policy explain @ada call @builder/deploy",
      "parley policy explain @ada message @grace",
      "parley policy explain @ada post '#general' --file policy.yaml",
      "parley policy explain @visitor see @builder --role guest",
      "parley policy explain @ada invite",
    ],
    load: () => import("./commands/policy-explain.ts"),
  },
  ...budgetCommands,
];
