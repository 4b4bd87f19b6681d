/** The commands on agreements: part of the one table. */
import { termOptions } from "./agreement-terms.ts";
import type { CommandArgument, CommandOption, CommandRow } from "./command.ts";

const agreement: CommandArgument = { name: "agreement", means: "its id, or the beginning of it" };
const task: CommandArgument = { name: "task", means: "what is to be done" };
const note: CommandOption = { name: "note", value: "TEXT", means: "what you say to it" };
const evidence: CommandOption = {
  name: "evidence",
  value: "FILE",
  means: "a file that shows it, by its hash; may be given several times",
  repeatable: true,
};
const arbiter: CommandOption = { name: "arbiter", value: "MEMBER", means: "who decides a dispute" };
const mesh: CommandOption = {
  name: "mesh",
  value: "ID",
  means: "the mesh that it has to be of (default: this home's)",
};

export const agreementCommands: readonly CommandRow[] = [
  {
    path: ["agreement", "propose"],
    summary: "Proposes an agreement to a member: what is to be done, for what, until when",
    arguments: [{ name: "member", means: "@name or id" }, task],
    options: [...termOptions, { name: "i-work", means: "you do the work, the other one asks for it" }, arbiter],
    examples: [
      "parley agreement propose @librarian 'Read the corpus' --price '12.5 EUR' --deadline 3d",
      "parley agreement propose @alice 'Translate 20 pages' --i-work --price '40 EUR' --arbiter @olivia",
    ],
    load: () => import("./commands/agreement-propose.ts"),
  },
  {
    path: ["agreement", "counter"],
    summary: "Answers a proposal with another one; what you leave out stays as it is",
    arguments: [agreement],
    options: [{ name: "task", value: "TEXT", means: "what is to be done" }, ...termOptions],
    examples: ["parley agreement counter 7WFCnC0b --price '15 EUR'"],
    load: () => import("./commands/agreement-counter.ts"),
  },
  {
    path: ["agreement", "accept"],
    summary: "Accepts the newest proposal",
    arguments: [agreement],
    examples: ["parley agreement accept 7WFCnC0b"],
    load: () => import("./commands/agreement-accept.ts"),
  },
  {
    path: ["agreement", "reject"],
    summary: "Says no to a proposal",
    arguments: [agreement],
    options: [{ name: "reason", value: "TEXT", means: "why" }],
    examples: ["parley agreement reject 7WFCnC0b --reason 'no time this week'"],
    load: () => import("./commands/agreement-reject.ts"),
  },
  {
    path: ["agreement", "withdraw"],
    summary: "Takes your own proposal or offer back, before it is accepted",
    arguments: [agreement],
    options: [{ name: "reason", value: "TEXT", means: "why" }],
    examples: ["parley agreement withdraw 7WFCnC0b"],
    load: () => import("./commands/agreement-withdraw.ts"),
  },
  {
    path: ["agreement", "deliver"],
    summary: "Says that the work is done, with evidence by its hash",
    arguments: [agreement],
    options: [note, evidence],
    examples: ["parley agreement deliver 7WFCnC0b --evidence report.pdf --note 'sent by message'"],
    load: () => import("./commands/agreement-deliver.ts"),
  },
  {
    path: ["agreement", "accept-work"],
    summary: "Says that the work is what was agreed; the agreement is complete",
    arguments: [agreement],
    options: [note, { name: "payment", value: "TEXT", means: "by what it was paid" }],
    examples: ["parley agreement accept-work 7WFCnC0b --payment 'transfer 99'"],
    load: () => import("./commands/agreement-accept-work.ts"),
  },
  {
    path: ["agreement", "dispute"],
    summary: "Says that the work, or what came of it, is not what was agreed",
    arguments: [agreement, { name: "reason", means: "why" }],
    options: [evidence],
    examples: ["parley agreement dispute 7WFCnC0b 'half of it is missing'"],
    load: () => import("./commands/agreement-dispute.ts"),
  },
  {
    path: ["agreement", "resolve"],
    summary: "Ends a dispute: the arbiter's word, or what both parties say the same",
    arguments: [agreement],
    options: [
      { name: "for", value: "SIDE", means: "worker: to be paid; asker: not; both: in part, with --price" },
      { name: "price", value: "PRICE", means: "what is to be paid, with --for both" },
      note,
      evidence,
    ],
    examples: ["parley agreement resolve 7WFCnC0b --for both --price '6 EUR'"],
    load: () => import("./commands/agreement-resolve.ts"),
  },
  {
    path: ["agreement", "list"],
    summary: "Lists your agreements, the newest first",
    options: [{ name: "state", value: "STATES", means: "only those in one of these states, separated by commas" }],
    examples: ["parley agreement list", "parley agreement list --state proposed,delivered --json"],
    load: () => import("./commands/agreement-list.ts"),
  },
  {
    path: ["agreement", "show"],
    summary: "Shows one agreement with all its acts, and what you may do",
    arguments: [agreement],
    examples: ["parley agreement show 7WFCnC0b", "parley agreement show 7WFCnC0b --json"],
    load: () => import("./commands/agreement-show.ts"),
  },
  {
    path: ["agreement", "watch"],
    summary: "Prints each act as it is done, with the statement that proves it, until Ctrl-C",
    options: [{ name: "history", means: "first those that this device knows already, the oldest first" }],
    examples: ["parley agreement watch", "parley agreement watch --history --json"],
    load: () => import("./commands/agreement-watch.ts"),
  },
  {
    path: ["agreement", "export"],
    summary: "Writes an agreement as a file that anybody can verify without a registry",
    arguments: [agreement, { name: "file", means: "where to; it must not be there yet" }],
    examples: ["parley agreement export 7WFCnC0b corpus.agreement"],
    load: () => import("./commands/agreement-export.ts"),
  },
  {
    path: ["agreement", "verify"],
    summary: "Verifies an exported agreement, asking nobody; exit code 4 when one byte is another",
    arguments: [{ name: "file", means: "an exported agreement" }],
    options: [mesh],
    examples: ["parley agreement verify corpus.agreement", "parley agreement verify corpus.agreement --json"],
    load: () => import("./commands/agreement-verify.ts"),
  },
  {
    path: ["agreement", "offer"],
    summary: "Makes an open offer: whoever has the skill may take it, once",
    arguments: [task],
    options: [...termOptions, arbiter],
    examples: ["parley agreement offer 'Read the corpus' --skill search --price '12.5 EUR' --for 3d"],
    load: () => import("./commands/agreement-offer.ts"),
  },
  {
    path: ["agreement", "offers"],
    summary: "Lists open offers, the newest first",
    options: [{ name: "skill", value: "SKILL", means: "only those for this skill" }],
    examples: ["parley agreement offers --skill search", "parley agreement offers --json"],
    load: () => import("./commands/agreement-offers.ts"),
  },
  {
    path: ["agreement", "take"],
    summary: "Takes an open offer: you do the work; whoever is first has it",
    arguments: [agreement],
    examples: ["parley agreement take 7WFCnC0b"],
    load: () => import("./commands/agreement-take.ts"),
  },
  {
    path: ["agreement", "counts"],
    summary: "Counts how agreements ended, by member: of exported files, else of your own",
    arguments: [{ name: "files", means: "exported agreements", optional: true, repeatable: true }],
    options: [mesh],
    examples: ["parley agreement counts", "parley agreement counts one.agreement two.agreement --json"],
    load: () => import("./commands/agreement-counts.ts"),
  },
];
