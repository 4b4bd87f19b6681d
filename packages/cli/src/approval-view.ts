/** What a person sees of what waits for its word: who asks, what exactly is to be done, and why it asks. */
import { actionText, type AskedApproval, type DeviceApi, shortRequest } from "@parley/client";
import { type ApprovalAction, type MemberKind, type PolicyRule, type Role, visible } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { trustText } from "./contact-view.ts";
import { formatDuration } from "./duration.ts";
import { shorten } from "./presenter.ts";

/** A member as the one who is asked should know it. */
interface Party {
  readonly member: string;
  readonly name: string | undefined;
  readonly kind?: MemberKind;
  readonly roles?: readonly Role[];
  /** Whether its safety words were compared. */
  readonly trust?: keyof typeof trustText;
}

/** What waits, with what this device knows beside it. */
export interface ApprovalFacts {
  readonly id: string;
  readonly asked: AskedApproval;
  readonly from: Party;
  /** In whose interest it is: the caller, or the author of a post. */
  readonly asker: Party | undefined;
}

/** Content on one line of a list. */
const lineCharacters = 200;

export async function factsOf(device: DeviceApi, asked: AskedApproval): Promise<ApprovalFacts> {
  const { what, from } = asked;
  const member = what.type === "question" ? undefined : askerOf(what.action);
  return {
    id: shortRequest(asked.request),
    asked,
    from: await partyOf(device, from.member, from.name),
    asker: member === undefined || member === from.member ? undefined : await partyOf(device, member),
  };
}

const askerOf = (action: ApprovalAction): string => (action.kind === "call" ? action.caller : action.author);

/** What cannot be looked up is left out: nobody waits for the registry to read what is asked. */
async function partyOf(device: DeviceApi, member: string, name?: string): Promise<Party> {
  const [view, contact] = await Promise.all([
    device.memberOf(member).catch(() => undefined),
    device.conversations.contact(member).catch(() => undefined),
  ]);
  return {
    member,
    name: view?.name ?? name,
    ...(view === undefined ? {} : { kind: view.kind, roles: view.roles }),
    ...(contact === undefined ? {} : { trust: contact.trust }),
  };
}

const partyName = ({ name, member }: Party): string => (name === undefined ? member.slice(0, 12) : `@${name}`);

function partyText(party: Party): string {
  const { kind, roles, trust } = party;
  const facts = [
    ...(kind === undefined ? [] : [kind]),
    ...(roles === undefined || roles.length === 0 ? [] : [roles.join(", ")]),
    ...(trust === undefined ? [] : [`safety words: ${trustText[trust]}`]),
  ];
  return `${partyName(party)}${facts.length === 0 ? "" : ` (${facts.join("; ")})`}`;
}

/** One line of what is asked, as short as it says enough. */
export function whatText({ asked: { what }, from, asker }: ApprovalFacts): string {
  if (what.type === "question") return `${partyName(from)}/${what.skill} asks: ${shorten(what.text, lineCharacters)}`;
  const { action } = what;
  const content = shorten(actionText(action).replaceAll("\n", " "), lineCharacters);
  const who = asker === undefined ? "" : `${partyName(asker)} -> `;
  return action.kind === "call"
    ? `${who}${partyName(from)}/${action.skill} ${content}`
    : `${partyName(from)} posts in #${action.name}: ${content}`;
}

/** A rule in one line. */
function ruleText(rule: PolicyRule): string {
  const { who, to, skills, channels, note } = rule;
  const [verb, actions] = "deny" in rule ? ["deny", rule.deny] : ["allow", rule.allow];
  const approval = "deny" in rule ? undefined : rule.approval;
  return [
    `${verb} ${actions.join(", ")}`,
    ...(who === undefined ? [] : [`by ${who.join(", ")}`]),
    ...(to === undefined ? [] : [`to ${to.join(", ")}`]),
    ...(skills === undefined ? [] : [`skills ${skills.join(", ")}`]),
    ...(channels === undefined ? [] : [`channels ${channels.join(", ")}`]),
    ...(approval === undefined ? [] : [`once ${approval.quorum ?? 1} of those who may approve say yes`]),
    ...(note === undefined ? [] : [`"${note}"`]),
  ].join(", ");
}

function whyText({ what }: AskedApproval): string {
  if (what.type === "question") return "the task goes on with the answer";
  const { rule } = what;
  if (rule === undefined) return "the agent itself asks for a yes";
  const place = `rule ${rule.rule + 1} of policy ${rule.policy}`;
  return rule.says === undefined ? `${place}, which this device does not hold` : `${place}: ${ruleText(rule.says)}`;
}

export const leftText = (expires: number, now: number): string => formatDuration(Math.max(0, expires - now));

/** What a program gets of it. */
export const factsJson = ({ id, asked, from, asker }: ApprovalFacts): object => ({
  id,
  ...asked,
  from,
  ...(asker === undefined ? {} : { asker }),
});

/** What to type next. */
export const nextText = ({ id, asked }: ApprovalFacts): string =>
  asked.what.type === "question"
    ? `parley approval reply ${id} TEXT`
    : `parley approval grant ${id}, parley approval deny ${id}, or parley approval show ${id}`;

/** Neither control characters nor line breaks of what is asked reach the terminal. */
const oneLine = (text: string): string => visible(text).replaceAll("\n", " ");

/** Several lines, with all that a decision needs. */
export function printFacts({ out }: CommandContext, facts: ApprovalFacts, now: number): void {
  const { asked, from, asker, id } = facts;
  const { what, expires } = asked;
  const isQuestion = what.type === "question";
  const row = (name: string, says: string): void => out.line(`  ${out.style("dim", name.padEnd(8))} ${oneLine(says)}`);
  out.line(`${out.style("bold", id)}  ${oneLine(whatText(facts))}`);
  row("asks", partyText(from));
  if (asker !== undefined) row("for", partyText(asker));
  row("why", whyText(asked));
  if (!isQuestion && what.quorum > 1) row("needs", `${what.quorum} members who say yes`);
  row("ends in", leftText(expires, now));
  if (!isQuestion) row("digest", what.digest);
}
