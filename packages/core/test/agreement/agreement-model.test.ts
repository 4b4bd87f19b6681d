import { actsOf, type AgreementFacts, agreementTable, nextAgreement } from "@parley/core";
import { type AgreementAct, type AgreementActType, limits, type Statement, toParleyError } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const id = (letter: string): string => letter.repeat(42) + "A";
const people = { ann: id("a"), bob: id("b"), cid: id("c"), dan: id("d") };
const names = Object.keys(people) as (keyof typeof people)[];
type Name = (typeof names)[number];
const start = Date.UTC(2026, 0, 1);
const day = 86_400_000;

interface Move {
  readonly who: Name;
  readonly type: AgreementActType;
  /** Days since the act before. */
  readonly after: number;
  readonly outcome: "worker" | "asker";
  readonly open: boolean;
  readonly arbiter: boolean;
  readonly mine: boolean;
  /** Given, the move is one of the legal ones instead: random ones alone seldom get far. */
  readonly legal: number | undefined;
}

const types = [
  "propose",
  "counter",
  "accept",
  "reject",
  "withdraw",
  "deliver",
  "accept-work",
  "dispute",
  "resolve",
  "expire",
] as const;

const move = fc.record<Move>({
  who: fc.constantFrom(...names),
  type: fc.constantFrom(...types),
  after: fc.constantFrom(0, 0.5, 0.5, 3, 100),
  outcome: fc.constantFrom("worker", "asker"),
  open: fc.boolean(),
  arbiter: fc.boolean(),
  mine: fc.boolean(),
  legal: fc.option(fc.nat(1000), { nil: undefined }),
});

/** What the rules are, written down a second time: who is whom, whose turn it is, and until when. */
interface Model {
  state: string;
  ann: Name;
  other: Name | undefined;
  worker: Name | undefined;
  asker: Name | undefined;
  arbiter: Name | undefined;
  last: Name;
  until: number;
  number: number;
  said: Partial<Record<Name, string>>;
}

const ended = ["completed", "resolved", "rejected", "withdrawn", "expired"];

function expected(
  model: Model | undefined,
  { who, type, open, arbiter, mine, outcome }: Move,
  at: number,
): Model | undefined {
  if (model === undefined) {
    if (type !== "propose" || (open && mine)) return undefined;
    const other = open ? undefined : who === "bob" ? "ann" : "bob";
    if (who === "cid" && arbiter) return undefined;
    return {
      state: open ? "offered" : "proposed",
      ann: who,
      other,
      worker: mine ? who : other,
      asker: mine ? other : who,
      arbiter: arbiter ? "cid" : undefined,
      last: who,
      until: at + day,
      number: 1,
      said: {},
    };
  }
  const { state } = model;
  const late = at > model.until;
  const isParty = who === model.ann || who === model.other;
  const next = (change: Partial<Model>): Model | undefined => ({ ...model, number: model.number + 1, ...change });
  if (ended.includes(state)) return undefined;
  if (type === "expire") return late && (isParty || who === model.arbiter) ? next({ state: "expired" }) : undefined;
  if (late || model.number >= limits.agreementActs - 1) return undefined;
  const asked = isParty && who !== model.last;
  switch (`${state} ${type}`) {
    case "offered accept":
      return who === model.ann || who === model.arbiter
        ? undefined
        : next({ state: "accepted", other: who, worker: who, until: at + limits.agreementWaitMs });
    case "offered withdraw":
    case "proposed withdraw":
      return who === model.last ? next({ state: "withdrawn" }) : undefined;
    case "proposed counter":
      return asked ? next({ last: who, until: at + day }) : undefined;
    case "proposed accept":
      return asked ? next({ state: "accepted", until: at + limits.agreementWaitMs }) : undefined;
    case "proposed reject":
      return asked ? next({ state: "rejected" }) : undefined;
    case "accepted deliver":
      return who === model.worker ? next({ state: "delivered", until: at + 7 * day }) : undefined;
    case "accepted dispute":
    case "delivered dispute":
      return isParty ? next({ state: "disputed", until: at + 7 * day }) : undefined;
    case "delivered accept-work":
    case "disputed accept-work":
      return who === model.asker ? next({ state: "completed" }) : undefined;
    case "disputed resolve": {
      if (model.arbiter !== undefined) return who === model.arbiter ? next({ state: "resolved" }) : undefined;
      if (!isParty) return undefined;
      const other = who === model.ann ? model.other : model.ann;
      const agreed = other !== undefined && model.said[other] === outcome;
      return next({ state: agreed ? "resolved" : "disputed", said: { ...model.said, [who]: outcome } });
    }
    default:
      return undefined;
  }
}

/** The same move by somebody who may make one, if it is to be legal and there is one. */
function steered(model: Model | undefined, one: Move, at: number): Move {
  if (one.legal === undefined) return one;
  const legal = names
    .flatMap((who) => types.map((type) => ({ ...one, who, type })))
    .filter((candidate) => expected(model, candidate, at) !== undefined);
  return legal[one.legal % Math.max(1, legal.length)] ?? one;
}

function actOf({ who, type, open, arbiter, mine, outcome }: Move, at: number): AgreementAct {
  const terms = { task: "a task", skill: "search" };
  switch (type) {
    case "propose":
      return {
        type,
        ...(open ? {} : { to: people[who === "bob" ? "ann" : "bob"] }),
        worker: mine ? "proposer" : "recipient",
        ...(arbiter ? { arbiter: people.cid } : {}),
        terms,
        until: at + day,
      };
    case "counter":
      return { type, terms, until: at + day };
    case "dispute":
      return { type, reason: "it is not what was agreed" };
    case "resolve":
      return { type, outcome: { for: outcome } };
    default:
      return { type };
  }
}

function isTaken(facts: AgreementFacts | undefined, said: Statement<"agreement">): boolean {
  try {
    nextAgreement(facts, said);
    return true;
  } catch {
    return false;
  }
}

const runs = 3000;

describe("the table of agreements", () => {
  it("takes exactly the legal moves of random ones, whoever makes them and whenever", () => {
    const reached = new Set<string>();
    const offered: boolean[] = [];
    fc.assert(
      fc.property(fc.array(move, { minLength: 1, maxLength: 14 }), (moves) => {
        let facts: AgreementFacts | undefined;
        let model: Model | undefined;
        let at = start;
        for (const made of moves) {
          at += made.after * day;
          const one = steered(model, made, at);
          const act = actOf(one, at);
          const number = (facts?.number ?? 0) + 1;
          const said: Statement<"agreement"> = {
            mesh: id("m"),
            subject: "agreement",
            number,
            by: people[one.who],
            iat: at,
            act,
          };
          const next = expected(model, one, at);
          const verdict = { who: one.who, type: one.type, state: model?.state };
          expect({ ...verdict, isTaken: isTaken(facts, said) }).toEqual({ ...verdict, isTaken: next !== undefined });
          if (next === undefined) continue;
          offered.push(facts === undefined || actsOf(facts, people[one.who], at).includes(one.type));
          facts = nextAgreement(facts, said);
          model = next;
          reached.add(`${one.type} ${model.state}`);
          const person = (name: Name | undefined): string | undefined => name && people[name];
          expect(facts).toMatchObject({
            state: model.state,
            proposer: person(model.ann),
            recipient: person(model.other),
            worker: person(model.worker),
            asker: person(model.asker),
            arbiter: person(model.arbiter),
            number: model.number,
            until: ended.includes(model.state) ? undefined : model.until,
          });
        }
      }),
      { numRuns: runs },
    );
    // Whoever asks what may be done is told of it.
    expect(offered).not.toContain(false);
    // Every row of the table was used.
    for (const { act, to } of agreementTable) expect(reached).toContain(`${act} ${to}`);
  });

  it("refuses with a code that says why", () => {
    const propose = actOf(
      {
        who: "ann",
        type: "propose",
        after: 0,
        outcome: "asker",
        open: false,
        arbiter: true,
        mine: false,
        legal: undefined,
      },
      start,
    );
    const say = (by: Name, act: AgreementAct, iat = start): Statement<"agreement"> => ({
      mesh: id("m"),
      subject: "agreement",
      number: 2,
      by: people[by],
      iat,
      act,
    });
    const facts = nextAgreement(undefined, { ...say("ann", propose), number: 1 });
    const codeOf = (said: Statement<"agreement">): string => {
      try {
        nextAgreement(facts, said);
        return "none";
      } catch (error) {
        return toParleyError(error).code;
      }
    };
    expect(codeOf(say("dan", { type: "accept" }))).toBe("forbidden");
    expect(codeOf(say("ann", { type: "accept" }))).toBe("act_not_allowed");
    expect(codeOf(say("cid", { type: "accept" }))).toBe("act_not_allowed");
    expect(codeOf(say("bob", { type: "accept" }, start + day))).toBe("none");
    expect(codeOf(say("bob", { type: "accept" }, start + day + 1))).toBe("expired");
    expect(codeOf(say("bob", { type: "expire" }, start + day))).toBe("act_not_allowed");
    expect(codeOf(say("bob", { type: "expire" }, start + day + 1))).toBe("none");
  });

  it("waits no longer than the limit, and at its last number for nothing but the end", () => {
    const terms = { task: "a task" };
    const begin =
      (until: number, deadline?: number): (() => AgreementFacts) =>
      () =>
        nextAgreement(undefined, {
          mesh: id("m"),
          subject: "agreement",
          number: 1,
          by: people.ann,
          iat: start,
          act: {
            type: "propose",
            to: people.bob,
            worker: "recipient",
            terms: { ...terms, ...(deadline && { deadline }) },
            until,
          },
        });
    expect(begin(start + limits.agreementWaitMs - 1)).not.toThrow();
    expect(begin(start + limits.agreementWaitMs)).not.toThrow();
    expect(begin(start + limits.agreementWaitMs + 1)).toThrow(/proposal|deadline/);
    expect(begin(start)).toThrow(/proposal|deadline/);
    expect(begin(start + day, start + day - 1)).toThrow(/proposal|deadline/);
    let facts = begin(start + day)();
    for (let number = 2; number < limits.agreementActs; number++) {
      const by = number % 2 === 0 ? people.bob : people.ann;
      const act = { type: "counter" as const, terms, until: start + day };
      facts = nextAgreement(facts, { mesh: id("m"), subject: "agreement", number, by, iat: start, act });
    }
    const last = { mesh: id("m"), subject: "agreement", number: limits.agreementActs, iat: start };
    expect(() => nextAgreement(facts, { ...last, by: people.bob, act: { type: "reject" } })).toThrow(/as many acts/);
    expect(nextAgreement(facts, { ...last, by: people.bob, iat: start + day + 1, act: { type: "expire" } }).state).toBe(
      "expired",
    );
  });
});
