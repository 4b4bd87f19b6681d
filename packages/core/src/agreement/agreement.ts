/** One agreement as its timeline has it: takes act after act, each judged by the table, and knows who has to do what until when. */
import {
  type AgreementAct,
  type AgreementActType,
  type AgreementOutcome,
  type AgreementTerms,
  canonicalJson,
  type Evidence,
  limits,
  ParleyError,
  type Statement,
} from "@parley/protocol";

import {
  type AgreementRole,
  type AgreementRule,
  type AgreementState,
  rulesFor,
  waitsForAct,
} from "./agreement-table.ts";

/** Milliseconds that a party has for what the terms say nothing about. */
const defaultWaitMs = 7 * 86_400_000;

export interface AgreementFacts {
  readonly agreement: string;
  readonly state: AgreementState;
  /** Member that began it. */
  readonly proposer: string;
  /** The other party; undefined while an offer is open. */
  readonly recipient: string | undefined;
  /** Who wants the work done, and who does it; undefined for who takes an open offer. */
  readonly asker: string | undefined;
  readonly worker: string | undefined;
  readonly arbiter: string | undefined;
  readonly terms: AgreementTerms;
  /** Member whose proposal holds. */
  readonly proposedBy: string;
  /** Number of the newest act. */
  readonly number: number;
  /** When the first and the newest act were signed, milliseconds since 1970. */
  readonly begun: number;
  readonly changed: number;
  /** Until when the next act is waited for; undefined once it ended. */
  readonly until: number | undefined;
  /** The state in which it ran out. */
  readonly expiredIn: AgreementState | undefined;
  readonly evidence: readonly Evidence[];
  /** What a dispute ended with. */
  readonly outcome: AgreementOutcome | undefined;
  /** Outcomes that the parties of a dispute without an arbiter would have, by member. */
  readonly offered: Readonly<Record<string, AgreementOutcome>>;
}

type Said = Statement<"agreement">;

const refused = (message: string): ParleyError => new ParleyError("act_not_allowed", { message });

/** What somebody is to an agreement. */
export function rolesOf(facts: AgreementFacts | undefined, member: string): ReadonlySet<AgreementRole> {
  const roles = new Set<AgreementRole>();
  if (facts !== undefined) {
    const { proposer, recipient, state } = facts;
    if (member === facts.asker) roles.add("asker");
    if (member === facts.worker) roles.add("worker");
    if (member === facts.arbiter) roles.add("arbiter");
    if (member === facts.proposedBy) roles.add("asking");
    else if (state === "proposed" && (member === proposer || member === recipient)) roles.add("asked");
  }
  if (roles.size === 0) roles.add("stranger");
  return roles;
}

/** The rule by which an act is taken; throws `forbidden`, `act_not_allowed` or `expired`. */
function ruleFor(before: AgreementFacts | undefined, { by, iat, act }: Said): AgreementRule {
  const roles = rolesOf(before, by);
  const rules = rulesFor(before?.state, roles).filter((rule) => rule.act === act.type);
  const to = before === undefined ? firstState(act) : stateAfter(before, by, act);
  const rule = rules.find((candidate) => candidate.to === to) ?? rules[0];
  if (rule === undefined) throw notAllowed(before, roles, act.type);
  const isLate = before?.until !== undefined && iat > before.until;
  if (rule.when === "in-time" && isLate)
    throw new ParleyError("expired", { message: "The time for this act is over; the agreement can only expire." });
  if (rule.when === "too-late" && !isLate) throw refused("The time that the agreement waits is not over yet.");
  return { ...rule, to };
}

function notAllowed(
  before: AgreementFacts | undefined,
  roles: ReadonlySet<AgreementRole>,
  act: AgreementActType,
): ParleyError {
  if (before !== undefined && roles.has("stranger") && before.state !== "offered")
    return new ParleyError("forbidden", { message: "Only those who have a part in an agreement act in it." });
  const state = before === undefined ? "not begun" : before.state;
  return refused(`${act} is not for this member in an agreement that is ${state}.`);
}

const firstState = (act: AgreementAct): AgreementState =>
  act.type === "propose" && act.to === undefined ? "offered" : "proposed";

/** Where an act leads: only a resolution depends on more than the table's row. */
function stateAfter(before: AgreementFacts, by: string, act: AgreementAct): AgreementState {
  if (act.type === "resolve") {
    if (by === before.arbiter) return "resolved";
    if (before.arbiter !== undefined) throw refused("The arbiter resolves this dispute.");
    const other = by === before.asker ? before.worker : before.asker;
    const theirs = other === undefined ? undefined : before.offered[other];
    return theirs !== undefined && canonicalJson(theirs) === canonicalJson(act.outcome) ? "resolved" : "disputed";
  }
  const [rule] = rulesFor(before.state, rolesOf(before, by)).filter((row) => row.act === act.type);
  return rule?.to ?? before.state;
}

/**
 * Takes the next act. Throws `forbidden` for somebody who has no part in it, `act_not_allowed` for what is not for this member now,
 * `expired` for what comes too late, `invalid_argument` for terms that contradict themselves, `limit_reached` for one act too many.
 */
export function nextAgreement(before: AgreementFacts | undefined, said: Said): AgreementFacts {
  // The last place is for the end.
  if (said.number > limits.agreementActs - (said.act.type === "expire" ? 0 : 1))
    throw new ParleyError("limit_reached", { message: "This agreement has as many acts as it may have." });
  const { to } = ruleFor(before, said);
  const { act, iat, number } = said;
  const facts = before === undefined ? begin(said) : change(before, said);
  const until = waitsForAct(to) ? waitEnd(before, facts, act, iat) : undefined;
  const expiredIn = to === "expired" ? before?.state : undefined;
  return { ...facts, state: to, number, changed: iat, until, expiredIn };
}

function begin({ subject, by, iat, number, act }: Said): AgreementFacts {
  if (act.type !== "propose") throw refused("An agreement begins with a proposal.");
  const { to, arbiter, terms, worker } = act;
  if (to === by) throw new ParleyError("self_call", { message: "Nobody comes to an agreement with itself." });
  if (arbiter !== undefined && (arbiter === by || arbiter === to))
    throw new ParleyError("invalid_argument", { message: "An arbiter is neither of the parties." });
  if (to === undefined && (worker !== "recipient" || terms.skill === undefined))
    throw new ParleyError("invalid_argument", {
      message: "An open offer names a skill, and who takes it does the work.",
    });
  checkTerms(terms, act.until, iat);
  return {
    agreement: subject,
    state: firstState(act),
    proposer: by,
    recipient: to,
    asker: worker === "recipient" ? by : to,
    worker: worker === "recipient" ? to : by,
    arbiter,
    terms,
    proposedBy: by,
    number,
    begun: iat,
    changed: iat,
    until: act.until,
    expiredIn: undefined,
    evidence: [],
    outcome: undefined,
    offered: {},
  };
}

function change(before: AgreementFacts, { by, iat, act }: Said): AgreementFacts {
  switch (act.type) {
    case "counter":
      checkTerms(act.terms, act.until, iat);
      return { ...before, terms: act.terms, proposedBy: by };
    case "accept":
      return before.recipient === undefined ? { ...before, recipient: by, worker: by } : before;
    case "deliver":
      return { ...before, evidence: act.evidence ?? [] };
    case "resolve":
      return { ...before, outcome: act.outcome, offered: { ...before.offered, [by]: act.outcome } };
    default:
      return before;
  }
}

function checkTerms({ deadline }: AgreementTerms, until: number, iat: number): void {
  const bad = (message: string): ParleyError => new ParleyError("invalid_argument", { message });
  if (until <= iat || until > iat + limits.agreementWaitMs)
    throw bad("A proposal has to be good for some time, and for no longer than an agreement waits.");
  if (deadline === undefined) return;
  if (deadline < until || deadline > iat + 2 * limits.agreementWaitMs)
    throw bad("The deadline of the work comes after the end of the proposal, and not later than an agreement waits.");
}

function waitEnd(
  before: AgreementFacts | undefined,
  { state, until, terms }: AgreementFacts,
  act: AgreementAct,
  iat: number,
): number | undefined {
  switch (act.type) {
    case "propose":
    case "counter":
      return act.until;
    case "accept":
      return terms.deadline ?? iat + limits.agreementWaitMs;
    case "deliver":
      return iat + (terms.review ?? defaultWaitMs);
    case "dispute":
      return iat + (terms.settle ?? defaultWaitMs);
    default:
      return before?.state === state ? until : before?.until;
  }
}

/** The acts that a member may do now. `now`, milliseconds since 1970. */
export function actsOf(facts: AgreementFacts, member: string, now: number): readonly AgreementActType[] {
  const isLate = facts.until !== undefined && now > facts.until;
  const acts = rulesFor(facts.state, rolesOf(facts, member))
    .filter(({ when }) => (when === "too-late") === isLate)
    .filter(({ act }) => act !== "resolve" || facts.arbiter === undefined || facts.arbiter === member)
    .map(({ act }) => act);
  return [...new Set(acts)];
}

/** Everybody who has a part in it. */
export const membersOf = ({ proposer, recipient, arbiter }: AgreementFacts): readonly string[] =>
  [proposer, recipient, arbiter].filter((member) => member !== undefined);
