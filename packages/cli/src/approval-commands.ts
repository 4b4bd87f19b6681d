/** The commands about what waits for a person's word: part of the one table. */
import type { CommandArgument, CommandOption, CommandRow } from "./command.ts";

const request: CommandArgument = { name: "request", means: "its id, or what parley approval list shows of it" };
const requests: CommandArgument = { ...request, name: "requests", optional: true, repeatable: true };
const allOf: CommandOption = { name: "all-of", value: "AGENT", means: "all that this agent asks yes or no to" };
const follow: CommandOption = { name: "follow", means: "prints what comes, too, until Ctrl-C" };

export const approvalCommands: readonly CommandRow[] = [
  {
    path: ["inbox"],
    summary: "Lists all that waits for your decision: members, approvals, questions, strangers, agreements",
    options: [follow],
    examples: ["parley inbox", "parley inbox --follow --json"],
    load: () => import("./commands/inbox.ts"),
  },
  {
    path: ["approval", "list"],
    summary: "Lists what waits for your yes or no, and questions of agents",
    options: [follow],
    examples: ["parley approval list", "parley approval list --follow --json"],
    load: () => import("./commands/approval-list.ts"),
  },
  {
    path: ["approval", "show"],
    summary: "Shows all of one request, with the text that its digest is of",
    arguments: [request],
    examples: ["parley approval show 7WFCnC0b", "parley approval show 7WFCnC0b --json"],
    load: () => import("./commands/approval-show.ts"),
  },
  {
    path: ["approval", "grant"],
    summary: "Says yes to exactly what was asked, and nothing else",
    arguments: [requests],
    options: [
      allOf,
      { name: "standing", value: "N", means: "also to so many calls of the same skill to come" },
      { name: "for", value: "TIME", means: "how long --standing holds (default: 1h)" },
      { name: "any-caller", means: "--standing holds for whoever may call the skill, not only for this caller" },
      { name: "yes", means: "does not ask before it grants more than one" },
    ],
    examples: [
      "parley approval grant 7WFCnC0b",
      "parley approval grant --all-of @deployer --yes",
      "parley approval grant 7WFCnC0b --standing 5 --for 2h",
    ],
    load: () => import("./commands/approval-grant.ts"),
  },
  {
    path: ["approval", "deny"],
    summary: "Says no",
    arguments: [requests],
    options: [allOf],
    examples: ["parley approval deny 7WFCnC0b", "parley approval deny --all-of @deployer"],
    load: () => import("./commands/approval-deny.ts"),
  },
  {
    path: ["approval", "reply"],
    summary: "Answers a question of an agent",
    arguments: [request, { name: "text", means: "the answer" }],
    examples: ["parley approval reply 7WFCnC0b 'the blue one'"],
    load: () => import("./commands/approval-reply.ts"),
  },
  {
    path: ["approval", "standing", "list"],
    summary: "Lists what was approved for calls to come: held by this agent, or given by you",
    examples: ["parley approval standing list", "parley approval standing list --json"],
    load: () => import("./commands/approval-standing-list.ts"),
  },
  {
    path: ["approval", "standing", "revoke"],
    summary: "Ends a standing approval, wherever it is held",
    arguments: [{ name: "standing", means: "its id, from parley approval standing list" }],
    examples: ["parley approval standing revoke Yx3mQp0a"],
    load: () => import("./commands/approval-standing-revoke.ts"),
  },
];
