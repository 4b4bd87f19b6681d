import { agreementCounts, agreementOf, type CountedAgreement } from "@parley/core";
import {
  type AgreementAct,
  agreementActSchema,
  agreementTermsSchema,
  limits,
  priceSchema,
  statementSchemas,
} from "@parley/protocol";
import { beforeAll, describe, expect, it } from "vitest";

import { Writers } from "../timeline/timelines.ts";
import { coded } from "../trust/coded.ts";
import { now } from "../trust/fixed-mesh.ts";

const day = 86_400_000;
const subject = "A".repeat(22);
let writers: Writers;

beforeAll(async () => {
  writers = await Writers.create(2);
});

const propose = (task = "a task"): AgreementAct => ({
  type: "propose",
  to: writers.person(1).member,
  worker: "recipient",
  terms: { task },
  until: now + day,
});

describe("the texts of an agreement", () => {
  it.each([
    ["task", limits.agreementTextCharacters],
    ["conditions", limits.agreementTextCharacters],
    ["payment", limits.referenceCharacters],
  ] as const)("%s have their limit: at it, below and above", (field, most) => {
    const fits = (length: number): boolean =>
      agreementTermsSchema.safeParse({ task: "a task", [field]: "x".repeat(length) }).success;
    expect([most - 1, most, most + 1].map(fits)).toEqual([true, true, false]);
    expect(agreementTermsSchema.safeParse({ task: "a task", [field]: "\u202Etxet" }).success).toBe(false);
  });

  it.each([
    ["0", true],
    ["12.5", true],
    ["1".repeat(limits.priceCharacters), true],
    ["1".repeat(limits.priceCharacters + 1), false],
    ["012", false],
    ["12.50", false],
    ["-1", false],
    ["1e3", false],
    [".5", false],
    ["", false],
  ])("an amount has one spelling: %s", (amount, isOne) => {
    expect(priceSchema.safeParse({ amount, currency: "EUR" }).success).toBe(isOne);
  });

  it("name a currency and so much evidence as the limits say", () => {
    const currency = (length: number): boolean =>
      priceSchema.safeParse({ amount: "1", currency: "C".repeat(length) }).success;
    expect([limits.currencyCharacters, limits.currencyCharacters + 1].map(currency)).toEqual([true, false]);
    const evidence = (count: number): boolean =>
      agreementActSchema.safeParse({ type: "deliver", evidence: Array(count).fill({ digest: "A".repeat(43) }) })
        .success;
    const most = limits.agreementEvidence;
    expect([1, most, most + 1].map(evidence)).toEqual([true, true, false]);
  });

  it("a timeline has numbers up to its limit", () => {
    const said = { mesh: "A".repeat(43), subject, previous: "A".repeat(43), by: "A".repeat(43), iat: now };
    const fits = (number: number): boolean =>
      statementSchemas.agreement.safeParse({ ...said, number, act: { type: "accept" } }).success;
    const most = limits.timelineEntries;
    expect([most, most + 1].map(fits)).toEqual([true, false]);
  });
});

describe("all acts of an agreement together", () => {
  it("are at most so many bytes, and can still expire at the end", async () => {
    const text = "x".repeat(limits.agreementTextCharacters);
    const counter: AgreementAct = {
      type: "counter",
      terms: { task: text, conditions: text },
      until: now + day,
    };
    const acts = [{ by: 0, act: propose(text) }];
    const written = async () => writers.write("agreement", subject, acts);
    let entries = await written();
    while (entries.reduce((sum, { compact }) => sum + compact.length, 0) <= limits.agreementBytes) {
      expect(agreementOf(entries).number).toBe(acts.length);
      acts.push({ by: acts.length % 2, act: counter });
      entries = await written();
    }
    expect(await coded(() => agreementOf(entries))).toBe("too_large");
    acts[acts.length - 1] = { by: 0, act: { type: "expire" } };
    const { compact, statement, ...rest } = (await written()).at(-1) ?? { compact: "", statement: undefined };
    expect(statement).toBeDefined();
    const late = { ...rest, compact, statement: { ...statement, iat: now + 2 * day } };
    expect(agreementOf([...entries.slice(0, -1), late as (typeof entries)[0]]).state).toBe("expired");
  });
});

describe("counts", () => {
  it("are of the longest timeline of each agreement, and the same in any order", async () => {
    const acts: { by: number; act: AgreementAct }[] = [
      { by: 0, act: propose() },
      { by: 1, act: { type: "accept" } },
      { by: 1, act: { type: "deliver" } },
      { by: 0, act: { type: "dispute", reason: "no" } },
      { by: 0, act: { type: "resolve", outcome: { for: "worker" } } },
      { by: 1, act: { type: "resolve", outcome: { for: "worker" } } },
    ];
    const counted = async (count: number, id = subject): Promise<CountedAgreement> => ({
      facts: agreementOf(await writers.write("agreement", id, acts.slice(0, count))),
      wasDisputed: count > 3,
    });
    const other = "B".repeat(21) + "A";
    const all = [await counted(3), await counted(6), await counted(1, other)];
    const counts = agreementCounts(all);
    expect(agreementCounts(all.toReversed())).toEqual(counts);
    const [asker, worker] = [writers.person(0).member, writers.person(1).member];
    expect(counts.find(({ member }) => member === worker)?.worker).toEqual({
      accepted: 1,
      completed: 0,
      disputed: 1,
      resolvedFor: 1,
      resolvedAgainst: 0,
      resolvedInPart: 0,
      lapsed: 0,
      open: 0,
    });
    expect(counts.find(({ member }) => member === asker)?.asker).toMatchObject({ accepted: 1, resolvedAgainst: 1 });
    // A proposal that nobody accepted says nothing of anybody.
    expect(agreementCounts([await counted(1, other)])).toEqual([]);
  });
});
