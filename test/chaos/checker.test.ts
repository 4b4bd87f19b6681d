import { describe, expect, it } from "vitest";

import { check } from "./checker.ts";
import type { DeviceLine, Evidence, Party, ScheduleLine } from "./evidence.ts";
import { plantLies } from "./planted-lies.ts";

const party = (name: string, kind: Party["kind"], ...devices: string[]): Party => ({
  name,
  kind,
  devices: devices.map((device) => ({ process: `${device}-process`, device })),
});

/** `ant` sends, `bee` is an agent, `hive` one with two instances, `pat` a person with two devices. */
const parties = [
  party("ant", "agent", "a"),
  party("bee", "agent", "b"),
  party("hive", "agent", "h1", "h2"),
  party("pat", "person", "p1", "p2"),
];

const life = (number: number, at: number): DeviceLine => ({ t: "life", at, life: number });
const accepted = (id: string, to: string, at = 100): DeviceLine => ({ t: "accepted", at, id, to, class: "durable" });
const state = (id: string, name: string, device?: string, at = 200, code?: string): DeviceLine => ({
  t: "state",
  at,
  id,
  to: id.startsWith("f") ? "hive" : id.startsWith("g") ? "pat" : "bee",
  state: name,
  ...(device === undefined ? {} : { device }),
  ...(code === undefined ? {} : { code }),
});
const handled = (id: string, at = 150, redelivered = false): DeviceLine => ({
  t: "handled",
  at,
  id,
  from: "a",
  created: 100,
  class: "durable",
  redelivered,
  path: "direct",
});
const started = (process: string, number: number, at: number): ScheduleLine => ({
  t: "started",
  at,
  process: `${process}-process`,
  life: number,
});
const ended = (process: string, number: number, at: number, by: "kill" | "itself" = "kill"): ScheduleLine => ({
  t: "ended",
  at,
  process: `${process}-process`,
  life: number,
  by,
});

const starts = ["a", "b", "h1", "h2", "p1", "p2"].map((device) => started(device, 1, 0));

function evidenceOf(
  lines: Readonly<Record<string, readonly DeviceLine[]>>,
  schedule: readonly ScheduleLine[] = [],
): Evidence {
  const devices = parties.flatMap((one) =>
    one.devices.map(({ device }): [string, DeviceLine[]] => [device, [life(1, 0), ...(lines[device] ?? [])]]),
  );
  return { parties, devices: new Map(devices), schedule: [...starts, ...schedule] };
}

const judge = (lines: Readonly<Record<string, readonly DeviceLine[]>>, schedule: readonly ScheduleLine[] = []) =>
  check(evidenceOf(lines, schedule));

const toBee = [accepted("e.1", "bee"), state("e.1", "delivered", "b")];

describe("the checker of chaos", () => {
  it("finds nothing wrong with messages that were accepted, delivered and handled once", () => {
    const verdict = judge({
      a: [...toBee, accepted("e.2", "bee"), state("e.2", "delivered", "b")],
      b: [handled("e.1"), handled("e.2", 160)],
    });
    expect(verdict).toMatchObject({
      findings: [],
      counts: { accepted: 2, handled: 2, longestMs: 60, paths: { direct: 2 } },
    });
  });

  it("finds a message lost that nobody handled", () => {
    expect(judge({ a: toBee.slice(0, 1) }).found).toEqual({ lost: 1 });
  });

  it("takes a coded end for an end, and one without a code for a false state", () => {
    expect(judge({ a: [accepted("e.1", "bee"), state("e.1", "refused", "b", 200, "forbidden")] }).found).toEqual({});
    expect(judge({ a: [accepted("e.1", "bee"), state("e.1", "refused", "b")] }).found).toEqual({ "false-state": 1 });
  });

  it("finds an end false that came although the message was handled", () => {
    const a = [accepted("e.1", "bee"), state("e.1", "expired")];
    expect(judge({ a, b: [handled("e.1")] }).found).toEqual({ "false-state": 1 });
  });

  it("asks every device of a person, and one instance of an agent", () => {
    const a = [
      accepted("g.1", "pat"),
      state("g.1", "delivered", "p1"),
      accepted("f.1", "hive"),
      state("f.1", "delivered", "h2"),
    ];
    expect(judge({ a, p1: [handled("g.1")], h2: [handled("f.1")] }).found).toEqual({ lost: 1 });
    expect(judge({ a, p1: [handled("g.1")], p2: [handled("g.1")], h2: [handled("f.1")] }).found).toEqual({});
  });

  it("finds a second handling in one life double, flagged or not", () => {
    expect(judge({ a: toBee, b: [handled("e.1"), handled("e.1", 160, true)] }).found).toEqual({ double: 1 });
    expect(judge({ a: toBee, b: [handled("e.1"), handled("e.1", 160)] }).found).toEqual({ double: 1 });
  });

  it("takes a second handling after a crash when it is flagged, and only then", () => {
    const schedule = [ended("b", 1, 155), started("b", 2, 156)];
    const again = (redelivered: boolean) =>
      judge({ a: toBee, b: [handled("e.1"), life(2, 157), handled("e.1", 160, redelivered)] }, schedule);
    expect(again(true)).toMatchObject({ findings: [], counts: { redelivered: 1, afterRestart: 1, handled: 1 } });
    expect(again(false).found).toMatchObject({ double: 1 });
  });

  it("does not take a flag that nothing accounts for", () => {
    expect(judge({ a: toBee, b: [handled("e.1", 150, true)] }).found).toEqual({ unaccounted: 1 });
    const later = [ended("b", 1, 50), started("b", 2, 60)];
    expect(judge({ a: toBee, b: [life(2, 61), handled("e.1", 150, true)] }, later).found).toEqual({ unaccounted: 1 });
  });

  it("takes a flag after a change of holder, and only when something changed it", () => {
    const a = [accepted("f.1", "hive"), state("f.1", "delivered", "h1")];
    const lines = { a, h1: [handled("f.1")], h2: [handled("f.1", 160, true)] };
    const fault: ScheduleLine = { t: "fault", at: 120, kind: "pause", target: "h1-process", until: 140 };
    expect(judge(lines, [fault])).toMatchObject({ findings: [], counts: { afterHolder: 1 } });
    expect(judge(lines).found).toEqual({ unaccounted: 1 });
    expect(judge({ ...lines, h2: [handled("f.1", 160)] }, [fault]).found).toEqual({ double: 1 });
  });

  it("takes a flag of what its sender sent again because it was cut off, to one of several instances only", () => {
    const fault: ScheduleLine = { t: "fault", at: 120, kind: "cut", target: "a-process", until: 140 };
    const toHive = [accepted("f.1", "hive"), state("f.1", "delivered", "h1")];
    expect(judge({ a: toHive, h1: [handled("f.1", 160, true)] }, [fault]).found).toEqual({});
    expect(judge({ a: toBee, b: [handled("e.1", 160, true)] }, [fault]).found).toEqual({ unaccounted: 1 });
  });

  it("finds what overtook an earlier message out of order", () => {
    const a = [...toBee, accepted("e.2", "bee"), state("e.2", "delivered", "b")];
    expect(judge({ a, b: [handled("e.2"), handled("e.1", 160)] }).found).toEqual({ order: 1 });
  });

  it("finds states false that name a device that had not, go back, or follow an end", () => {
    const b = [handled("e.1")];
    expect(judge({ a: [...toBee, state("e.1", "delivered", "h1")], b }).found).toEqual({ "false-state": 1 });
    expect(judge({ a: [...toBee, state("e.1", "stored")], b }).found).toEqual({ "false-state": 1 });
    expect(judge({ a: [...toBee, state("e.1", "handled", "b", 149)], b }).found).toEqual({ "false-state": 1 });
    expect(judge({ a: [...toBee, state("e.1", "handled", "b", 150)], b }).found).toEqual({});
    expect(judge({ a: [...toBee, state("e.1", "expired")], b }).found).toMatchObject({ "false-state": 2 });
    expect(judge({ a: [...toBee, state("e.1", "sent", "b")], b }).found).toEqual({ "false-state": 1 });
  });

  it("lets the next life of a sender say again what the last one said", () => {
    const a = [...toBee, life(2, 300), state("e.1", "stored", undefined, 310), state("e.1", "delivered", "b", 320)];
    expect(judge({ a, b: [handled("e.1")] }, [ended("a", 1, 250), started("a", 2, 260)]).found).toEqual({});
  });

  it("takes what was handled and never accepted for an invention, unless its sender was killed before it could say so", () => {
    expect(judge({ b: [handled("e.1")] }).found).toEqual({ invented: 1 });
    const schedule = [ended("a", 1, 120), started("a", 2, 130)];
    expect(judge({ b: [handled("e.1")] }, schedule)).toMatchObject({ findings: [], counts: { acceptedUnseen: 1 } });
    const a = [accepted("e.2", "bee"), state("e.2", "delivered", "b")];
    expect(judge({ a, b: [handled("e.1"), handled("e.2", 160)] }, schedule).found).toEqual({ invented: 1 });
  });

  it("finds unsettled what is left in an outbox or never said to have ended", () => {
    expect(judge({ a: [...toBee, { t: "left", at: 900, id: "e.1", to: "bee" }], b: [handled("e.1")] }).found).toEqual({
      unsettled: 1,
    });
    const a = [accepted("e.1", "bee")];
    expect(judge({ a, b: [handled("e.1")] }).found).toEqual({ unsettled: 1 });
    expect(judge({ a, b: [handled("e.1")] }, [ended("a", 1, 155), started("a", 2, 160)]).found).toEqual({});
  });

  it("finds a process that ended by itself", () => {
    expect(judge({}, [ended("b", 1, 50, "itself")]).found).toEqual({ process: 1 });
  });

  it("finds a task worked on twice, or answered without work", () => {
    const asked: DeviceLine = { t: "asked", at: 1, key: "k", to: "bee" };
    const answered: DeviceLine = { t: "answered", at: 9, key: "k" };
    const worked: DeviceLine = { t: "worked", at: 5, key: "k" };
    expect(judge({ a: [asked, answered], b: [worked] }).found).toEqual({});
    expect(judge({ a: [asked, answered], b: [worked, worked] }).found).toEqual({ double: 1 });
    expect(judge({ a: [asked, answered] }).found).toEqual({ "false-state": 1 });
  });

  it("refuses each planted lie, and would not if it believed anything", () => {
    const evidence = evidenceOf({ a: toBee, b: [handled("e.1")] });
    const results = plantLies(evidence, check(evidence));
    expect(results.map(({ refused }) => refused)).toEqual([true, true, true]);
    expect(plantLies(evidenceOf({}), check(evidenceOf({}))).map(({ refused }) => refused)).toEqual([
      false,
      false,
      false,
    ]);
  });
});
