/** Commands about who comes in, and as what. */
import { scopeOptions } from "./admission-options.ts";
import type { CommandRow } from "./command.ts";

const memberArgument = { name: "member", means: "its name or id" };
const proposalArgument = { name: "proposal", means: "its id, or the beginning of it, from parley operator proposals" };

export const admissionCommands: readonly CommandRow[] = [
  {
    path: ["invite", "create"],
    summary: "Opens an invite: a link, or with --code six digits to say aloud",
    options: [
      { name: "code", means: "a six-digit code that lives five minutes" },
      { name: "link", means: "a link that lives one day (the default)" },
      { name: "uses", value: "N", means: "how many members it lets ask (default: 1)" },
      { name: "life", value: "TIME", means: "how long it lives, for example 10m or 7d" },
      { name: "label", value: "TEXT", means: "what it is for" },
      { name: "approved", means: "a link by which they come in without a further word, as what the next options say" },
      { name: "role", value: "ROLE", means: "as member, guest or observer (default: member)" },
      ...scopeOptions,
      { name: "name", value: "NAME", means: "under this name only" },
      { name: "kind", value: "KIND", means: "agent or person only" },
      { name: "member-life", value: "TIME", means: "how long they are members at most (default: 365d)" },
    ],
    examples: [
      "parley invite create",
      "parley invite create --code",
      "parley invite create --uses 5 --life 2d --label 'build agents'",
      "parley invite create --approved --role guest --skills search --channels general --life 1h",
    ],
    load: () => import("./commands/invite-create.ts"),
  },
  {
    path: ["invite", "list"],
    summary: "Lists open invites",
    examples: ["parley invite list"],
    load: () => import("./commands/invite-list.ts"),
  },
  {
    path: ["invite", "cancel"],
    summary: "Closes an invite",
    arguments: [{ name: "invite", means: "its id, from parley invite list" }],
    examples: ["parley invite cancel 7WFCnC0bLXz7cCbx4dZ8Rw"],
    load: () => import("./commands/invite-cancel.ts"),
  },
  {
    path: ["member", "list"],
    summary: "Lists members, or those that wait for approval",
    options: [{ name: "pending", means: "those that wait, with the six words to compare and what they ask for" }],
    examples: ["parley member list", "parley member list --pending"],
    load: () => import("./commands/member-list.ts"),
  },
  {
    path: ["member", "approve"],
    summary: "Lets a waiting member in",
    arguments: [{ name: "member", means: "its name, or the id of its request" }],
    options: [
      { name: "role", value: "ROLE", means: "member, guest or observer (default: member)" },
      ...scopeOptions,
      { name: "life", value: "TIME", means: "how long (default: 365d)" },
      {
        name: "replaces",
        value: "MEMBER",
        means: "a member that lost its key: it is revoked, and its name is taken over",
      },
    ],
    examples: [
      "parley member approve librarian",
      "parley member approve visitor --role guest --life 7d --skills search --channels general",
      "parley member approve ada --replaces @ada",
    ],
    load: () => import("./commands/member-approve.ts"),
  },
  {
    path: ["member", "change"],
    summary: "Changes what a member is and may: role, skills, channels, name, end",
    arguments: [memberArgument],
    options: [
      { name: "role", value: "ROLE", means: "member, guest or observer" },
      ...scopeOptions,
      { name: "no-scope", means: "limits it to no skills and channels any more" },
      { name: "name", value: "NAME", means: "another name" },
      { name: "life", value: "TIME", means: "how long from now on (default: as before)" },
    ],
    examples: [
      "parley member change @visitor --role member --no-scope",
      "parley member change @bot --skills search,read",
    ],
    load: () => import("./commands/member-change.ts"),
  },
  {
    path: ["member", "renew"],
    summary: "Lets a member in for another while, as what it is",
    arguments: [memberArgument],
    options: [{ name: "life", value: "TIME", means: "how long from now on (default: 365d)" }],
    examples: ["parley member renew @librarian", "parley member renew @visitor --life 30d"],
    load: () => import("./commands/member-renew.ts"),
  },
  {
    path: ["member", "reject"],
    summary: "Turns a waiting member away",
    arguments: [{ name: "member", means: "its name, or the id of its request" }],
    options: [{ name: "reason", value: "TEXT", means: "what it is told" }],
    examples: ["parley member reject stranger --reason 'not one of ours'"],
    load: () => import("./commands/member-reject.ts"),
  },
  {
    path: ["member", "revoke"],
    summary: "Revokes a member: every peer and the registry refuse it from then on",
    arguments: [memberArgument],
    options: [{ name: "reason", value: "TEXT", means: "why" }],
    examples: ["parley member revoke @librarian --reason 'laptop lost'"],
    load: () => import("./commands/member-revoke.ts"),
  },
  {
    path: ["operator", "list"],
    summary: "Lists the operators of the mesh",
    examples: ["parley operator list", "parley operator list --json"],
    load: () => import("./commands/operator-list.ts"),
  },
  {
    path: ["operator", "add"],
    summary: "Makes a member an operator; with three operators or more, others have to agree",
    arguments: [{ name: "member", means: "@name or id" }],
    options: [{ name: "admin", means: "one that may change the operators itself" }],
    examples: ["parley operator add @ada", "parley operator add @ada --admin"],
    load: () => import("./commands/operator-add.ts"),
  },
  {
    path: ["operator", "remove"],
    summary: "Takes a member out of the operators; what it had signed is signed again",
    arguments: [{ name: "member", means: "@name or id" }],
    examples: ["parley operator remove @ada"],
    load: () => import("./commands/operator-remove.ts"),
  },
  {
    path: ["operator", "proposals"],
    summary: "Lists proposals of other operators that wait for agreement",
    examples: ["parley operator proposals", "parley operator proposals --json"],
    load: () => import("./commands/operator-proposals.ts"),
  },
  {
    path: ["operator", "approve"],
    summary: "Agrees to a proposal, and carries it out when enough do",
    arguments: [proposalArgument],
    examples: ["parley operator approve 7WFCnC0bLXz7cCbx4dZ8Rw"],
    load: () => import("./commands/operator-approve.ts"),
  },
  {
    path: ["operator", "apply"],
    summary: "Carries out a proposal that enough operators agreed to",
    arguments: [proposalArgument],
    examples: ["parley operator apply 7WFCnC0bLXz7cCbx4dZ8Rw"],
    load: () => import("./commands/operator-apply.ts"),
  },
  {
    path: ["operator", "withdraw"],
    summary: "Takes one's own proposal back",
    arguments: [proposalArgument],
    examples: ["parley operator withdraw 7WFCnC0bLXz7cCbx4dZ8Rw"],
    load: () => import("./commands/operator-withdraw.ts"),
  },
  {
    path: ["operator", "certify"],
    summary: "Signs the certificate of the registry's node anew, for a year",
    examples: ["parley operator certify"],
    load: () => import("./commands/operator-certify.ts"),
  },
];
