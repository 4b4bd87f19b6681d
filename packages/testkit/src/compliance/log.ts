import type { AppendResult, Log, LogEntry } from "@parley/core";
import { logDedupeWindowMs, maxDedupeKeyLength, maxLogEntryBytes, maxLogReadEntries } from "@parley/core";
import { isParleyError } from "@parley/protocol";
import type { Arbitrary } from "fast-check";
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  double,
  integer,
  nat,
  oneof,
  option,
  record,
} from "fast-check";
import { describe, expect, it } from "vitest";

import type { Capability, Setup } from "./subject.ts";
import { Bench, bytesOf, expectCode, has, maxSpuriousConflicts, textOf } from "./subject.ts";

export interface LogCapabilities {
  /** State outlives a close. */
  readonly persistence?: Capability;
  /** The store's time is the clock it was given. */
  readonly controlledTime?: Capability;
}

/** The behaviour of every Log. */
export function describeLog(name: string, setup: Setup<Log>, capabilities: LogCapabilities = {}): void {
  describe(`${name} as a Log`, () => {
    const bench = new Bench(setup);
    describeAppending(bench);
    describeConditions(bench);
    describeReading(bench);
    describeTrimming(bench);
    describeArguments(bench);
    describeModel(bench);
    if (has(name, "log outlives a close", capabilities.persistence)) describePersistence(bench);
    if (has(name, "dedupe window by the clock", capabilities.controlledTime)) describeWindow(bench);
  });
}

/** Appends on condition that nothing came since, putting up with refusals for no reason. */
async function appendNext(log: Log, stream: string, text: string): Promise<AppendResult> {
  for (let tries = 0; ; tries++) {
    const { last } = await log.bounds(stream);
    try {
      return await log.append(stream, bytesOf(text), { ifLast: last });
    } catch (error) {
      if (tries === maxSpuriousConflicts || !isParleyError(error) || error.code !== "conflict") throw error;
    }
  }
}

async function readAll(log: Log, stream: string, from = 1, limit = maxLogReadEntries): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  for (let next = from; ;) {
    const page = await log.read(stream, { from: next, limit });
    entries.push(...page.entries);
    if (page.complete) return entries;
    expect(page.next).toBeGreaterThan(next);
    next = page.next;
  }
}

const texts = (entries: readonly LogEntry[]): readonly (string | undefined)[] =>
  entries.map(({ bytes }) => textOf(bytes));

function describeAppending(bench: Bench<Log>): void {
  it("gives entries back in append order with rising offsets", async () => {
    const { port: log } = await bench.open();
    const results = await Promise.all(["a", "b", "c"].map((text) => log.append("mail/x", bytesOf(text))));
    const offsets = results.map(({ offset }) => offset);
    expect(offsets).toEqual([...offsets].sort((left, right) => left - right));
    expect(new Set(offsets).size).toBe(3);
    const { entries, last, complete } = await log.read("mail/x");
    expect(texts(entries)).toEqual(["a", "b", "c"]);
    expect(entries.map(({ offset }) => offset)).toEqual(offsets);
    expect({ last, complete }).toEqual({ last: offsets[2], complete: true });
  });

  it("keeps streams apart", async () => {
    const { port: log } = await bench.open();
    await log.append("mail/x", bytesOf("for x"));
    await log.append("mail/y", bytesOf("for y"));
    expect(texts((await log.read("mail/x")).entries)).toEqual(["for x"]);
    expect(texts((await log.read("mail/y")).entries)).toEqual(["for y"]);
  });

  it("appends a dedupe key once and gives the first offset again", async () => {
    const { port: log } = await bench.open();
    const first = await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" });
    const again = await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" });
    expect(first.duplicate).toBe(false);
    expect(again).toEqual({ offset: first.offset, duplicate: true });
    expect((await log.read("mail/x")).entries).toHaveLength(1);
  });

  it("appends a dedupe key once when both calls are under way together", async () => {
    const { port: log } = await bench.open();
    const both = await Promise.all([1, 2].map(() => log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" })));
    expect(both.filter(({ duplicate }) => duplicate)).toHaveLength(1);
    expect((await log.read("mail/x")).entries).toHaveLength(1);
  });

  it("does not mix up the dedupe keys of two streams", async () => {
    const { port: log } = await bench.open();
    await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" });
    expect((await log.append("mail/y", bytesOf("b"), { dedupeKey: "id-1" })).duplicate).toBe(false);
  });

  it("recognises a duplicate whose entry was trimmed and whatever the condition says", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" });
    await log.trim("mail/x", offset);
    expect(await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" })).toEqual({ offset, duplicate: true });
    expect(await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1", ifLast: 0 })).toEqual({
      offset,
      duplicate: true,
    });
  });
}

function describeConditions(bench: Bench<Log>): void {
  it("appends when the last offset is the expected one, from the first entry on", async () => {
    const { port: log } = await bench.open();
    for (const text of ["a", "b", "c"]) await appendNext(log, "channel/x", text);
    expect(texts((await log.read("channel/x")).entries)).toEqual(["a", "b", "c"]);
  });

  it("refuses when something came in between and says what is last", async () => {
    const { port: log } = await bench.open();
    const { offset: seen } = await log.append("channel/x", bytesOf("a"));
    const { offset: last } = await log.append("channel/x", bytesOf("b"));
    const refused = await log.append("channel/x", bytesOf("c"), { ifLast: seen }).catch((error: unknown) => error);
    expect(isParleyError(refused) && refused.code).toBe("conflict");
    expect(isParleyError(refused) && refused.data?.["last"]).toBe(last);
    await expectCode(log.append("channel/x", bytesOf("c"), { ifLast: 0 }), "conflict");
    expect((await log.read("channel/x")).entries).toHaveLength(2);
  });

  it("lets at most one of many on the same condition through", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("channel/x", bytesOf("a"));
    const tries = ["b", "c", "d", "e"].map((text) => log.append("channel/x", bytesOf(text), { ifLast: offset }));
    const through = (await Promise.allSettled(tries)).filter(({ status }) => status === "fulfilled");
    expect(through.length).toBeLessThanOrEqual(1);
    expect((await log.read("channel/x")).entries).toHaveLength(1 + through.length);
  });

  it("counts what was trimmed as last", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("channel/x", bytesOf("a"));
    await log.trim("channel/x", offset);
    await expectCode(log.append("channel/x", bytesOf("b"), { ifLast: 0 }), "conflict");
    expect((await appendNext(log, "channel/x", "b")).offset).toBeGreaterThan(offset);
  });
}

function describeReading(bench: Bench<Log>): void {
  it("answers for a stream that was never written", async () => {
    const { port: log } = await bench.open();
    const page = await log.read("mail/nobody", { from: 7 });
    expect(page).toEqual({ epoch: page.epoch, entries: [], first: 1, last: 0, complete: true, next: 7 });
    expect(await log.bounds("mail/nobody")).toEqual({ epoch: page.epoch, first: 1, last: 0 });
  });

  it("goes on page by page without a hole or a repetition", async () => {
    const { port: log } = await bench.open();
    const written = Array.from({ length: 25 }, (_, index) => `entry ${index}`);
    await Promise.all(written.map((text) => log.append("mail/x", bytesOf(text))));
    for (const limit of [1, 7, 25, 26]) expect(texts(await readAll(log, "mail/x", 1, limit))).toEqual(written);
  });

  it("ends a page at the byte limit but always gives one entry", async () => {
    const { port: log } = await bench.open();
    for (let index = 0; index < 3; index++) await log.append("mail/x", new Uint8Array(100));
    expect((await log.read("mail/x", { maxBytes: 1 })).entries).toHaveLength(1);
    expect((await log.read("mail/x", { maxBytes: 199 })).entries).toHaveLength(1);
    expect((await log.read("mail/x", { maxBytes: 200 })).entries).toHaveLength(2);
    expect((await log.read("mail/x", { maxBytes: 300 })).complete).toBe(true);
  });

  it("starts at the wanted offset, itself included", async () => {
    const { port: log } = await bench.open();
    await log.append("mail/x", bytesOf("a"));
    const { offset } = await log.append("mail/x", bytesOf("b"));
    expect(texts((await log.read("mail/x", { from: offset })).entries)).toEqual(["b"]);
    const beyond = await log.read("mail/x", { from: offset + 1 });
    expect(beyond).toMatchObject({ entries: [], last: offset, complete: true, next: offset + 1 });
  });

  it("lists stream names under a prefix, sorted and in pages", async () => {
    const { port: log } = await bench.open();
    for (const stream of ["mail/b", "mail/a", "mail/a/sub", "mailing", "audit"]) await log.append(stream, bytesOf("x"));
    expect(await log.streams("mail/")).toEqual({ names: ["mail/a", "mail/a/sub", "mail/b"], complete: true });
    expect((await log.streams("")).names).toEqual(["audit", "mail/a", "mail/a/sub", "mail/b", "mailing"]);
    expect(await log.streams("mail/", { limit: 2 })).toEqual({ names: ["mail/a", "mail/a/sub"], complete: false });
    expect(await log.streams("mail/", { limit: 2, after: "mail/a/sub" })).toEqual({
      names: ["mail/b"],
      complete: true,
    });
    expect((await log.streams("none/")).names).toEqual([]);
  });

  it("starts another epoch on every stream and keeps the entries", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("mail/x", bytesOf("a"));
    const before = (await log.bounds("mail/x")).epoch;
    const epoch = await log.newEpoch();
    expect(epoch).not.toBe(before);
    expect(await log.bounds("mail/x")).toEqual({ epoch, first: 1, last: offset });
    expect((await log.read("mail/other")).epoch).toBe(epoch);
    expect(texts((await log.read("mail/x")).entries)).toEqual(["a"]);
  });
}

function describeTrimming(bench: Bench<Log>): void {
  it("removes up to and including an offset, and the read shows where the log begins", async () => {
    const { port: log } = await bench.open();
    await log.append("mail/x", bytesOf("a"));
    const { offset } = await log.append("mail/x", bytesOf("b"));
    const { offset: last } = await log.append("mail/x", bytesOf("c"));
    const bounds = await log.trim("mail/x", offset);
    expect(bounds).toMatchObject({ first: offset + 1, last });
    const page = await log.read("mail/x");
    expect(texts(page.entries)).toEqual(["c"]);
    expect(page.first).toBe(offset + 1);
  });

  it("keeps its bounds when nothing is left, and goes on above them", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("mail/x", bytesOf("a"));
    expect(await log.trim("mail/x", offset + 1000)).toMatchObject({ first: offset + 1, last: offset });
    expect(await log.read("mail/x")).toMatchObject({ entries: [], first: offset + 1, last: offset, complete: true });
    expect((await log.append("mail/x", bytesOf("b"))).offset).toBeGreaterThan(offset);
  });

  it("takes a repeated or older trim as done", async () => {
    const { port: log } = await bench.open();
    const { offset: first } = await log.append("mail/x", bytesOf("a"));
    const { offset: second } = await log.append("mail/x", bytesOf("b"));
    await log.append("mail/x", bytesOf("c"));
    await log.trim("mail/x", second);
    for (const upTo of [second, first, 0]) expect((await log.trim("mail/x", upTo)).first).toBe(second + 1);
    expect(await log.trim("mail/nobody", 5)).toMatchObject({ first: 1, last: 0 });
  });

  it("forgets a removed stream and never gives its offsets again", async () => {
    const { port: log } = await bench.open();
    const { offset } = await log.append("mail/x", bytesOf("a"));
    await log.remove("mail/x");
    expect(await log.bounds("mail/x")).toMatchObject({ first: 1, last: 0 });
    expect((await log.streams("")).names).toEqual([]);
    expect((await log.append("mail/x", bytesOf("b"))).offset).toBeGreaterThan(offset);
    expect(texts((await log.read("mail/x")).entries)).toEqual(["b"]);
    await log.remove("mail/nobody");
  });
}

function describeArguments(bench: Bench<Log>): void {
  it("takes an entry at the limit and refuses one above it", async () => {
    const { port: log } = await bench.open();
    await log.append("mail/x", new Uint8Array(maxLogEntryBytes));
    await log.append("mail/x", new Uint8Array(0));
    await expectCode(log.append("mail/x", new Uint8Array(maxLogEntryBytes + 1)), "too_large");
    expect((await readAll(log, "mail/x")).map(({ bytes }) => bytes.byteLength)).toEqual([maxLogEntryBytes, 0]);
  });

  it("refuses names, keys and numbers that are not of the documented form", async () => {
    const { port: log } = await bench.open();
    for (const stream of ["", "/", "a/", "/a", "a//b", "a b", "ü", "a*", "a".repeat(257)]) {
      await expectCode(log.append(stream, bytesOf("x")), "invalid_argument");
      await expectCode(log.read(stream), "invalid_argument");
    }
    await log.append("a".repeat(256), bytesOf("x"));
    await log.append("mail/x", bytesOf("x"), { dedupeKey: "k".repeat(maxDedupeKeyLength) });
    await expectCode(
      log.append("mail/x", bytesOf("x"), { dedupeKey: "k".repeat(maxDedupeKeyLength + 1) }),
      "invalid_argument",
    );
    await expectCode(log.append("mail/x", bytesOf("x"), { dedupeKey: "" }), "invalid_argument");
    await expectCode(log.append("mail/x", bytesOf("x"), { ifLast: -1 }), "invalid_argument");
    await expectCode(log.read("mail/x", { from: 0 }), "invalid_argument");
    await expectCode(log.read("mail/x", { from: 1.5 }), "invalid_argument");
    await expectCode(log.read("mail/x", { limit: 0 }), "invalid_argument");
    await expectCode(log.trim("mail/x", Number.NaN), "invalid_argument");
    await expectCode(log.streams("mail"), "invalid_argument");
  });

  it("clamps a page to the most entries it may have", async () => {
    const { port: log } = await bench.open();
    const count = maxLogReadEntries + 1;
    await Promise.all(Array.from({ length: count }, () => log.append("mail/x", bytesOf("x"))));
    const page = await log.read("mail/x", { limit: count });
    expect({ entries: page.entries.length, complete: page.complete }).toEqual({
      entries: maxLogReadEntries,
      complete: false,
    });
  });

  it("rejects every call after it is closed, and closes twice", async () => {
    const { port: log, subject } = await bench.open();
    await subject.close();
    await subject.close();
    await expectCode(log.append("mail/x", bytesOf("x")), "closed");
    await expectCode(log.read("mail/x"), "closed");
    await expectCode(log.trim("mail/x", 1), "closed");
    await expectCode(log.bounds("mail/x"), "closed");
    await expectCode(log.streams(""), "closed");
    await expectCode(log.remove("mail/x"), "closed");
    await expectCode(log.newEpoch(), "closed");
  });
}

type Step =
  | { readonly do: "append"; readonly stream: string; readonly key: number | undefined }
  | { readonly do: "trim"; readonly stream: string; readonly share: number }
  | { readonly do: "read"; readonly stream: string; readonly share: number; readonly limit: number };

const streamNames = constantFrom("mail/a", "mail/b");
const steps: Arbitrary<Step[]> = array(
  oneof(
    {
      weight: 5,
      arbitrary: record({
        do: constant("append" as const),
        stream: streamNames,
        key: option(nat(8), { nil: undefined }),
      }),
    },
    {
      weight: 1,
      arbitrary: record({
        do: constant("trim" as const),
        stream: streamNames,
        share: double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    {
      weight: 2,
      arbitrary: record({
        do: constant("read" as const),
        stream: streamNames,
        share: double({ min: 0, max: 1, noNaN: true }),
        limit: integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { maxLength: 40 },
);

/** What a stream should hold, kept in the plainest way. */
class Model {
  entries: { offset: number; text: string }[] = [];
  readonly keys = new Map<number, number>();
  first = 1;
  last = 0;

  trim(upTo: number): void {
    const end = Math.min(upTo, this.last);
    this.entries = this.entries.filter(({ offset }) => offset > end);
    this.first = Math.max(this.first, end + 1);
  }
}

/** Takes the step on both and gives what came out next to what should have. */
async function follow(
  log: Log,
  model: Model,
  step: Step,
  text: string,
): Promise<{ actual: unknown; expected: unknown }> {
  if (step.do === "append") return followAppend(log, model, step, text);
  if (step.do === "trim") {
    const upTo = Math.floor(step.share * (model.last + 1));
    const { first, last } = await log.trim(step.stream, upTo);
    model.trim(upTo);
    return { actual: { first, last }, expected: { first: model.first, last: model.last } };
  }
  const from = 1 + Math.floor(step.share * model.last);
  const { entries, first, last, complete } = await log.read(step.stream, { from, limit: step.limit });
  const rest = model.entries.filter(({ offset }) => offset >= from);
  return {
    actual: { entries: entries.map(({ offset, bytes }) => ({ offset, text: textOf(bytes) })), first, last, complete },
    expected: {
      entries: rest.slice(0, step.limit),
      first: model.first,
      last: model.last,
      complete: rest.length <= step.limit,
    },
  };
}

async function followAppend(
  log: Log,
  model: Model,
  { stream, key }: Step & { do: "append" },
  text: string,
): Promise<{ actual: unknown; expected: unknown }> {
  const { offset, duplicate } = await log.append(
    stream,
    bytesOf(text),
    key === undefined ? {} : { dedupeKey: `key-${key}` },
  );
  const seen = key === undefined ? undefined : model.keys.get(key);
  if (seen !== undefined) return { actual: { offset, duplicate }, expected: { offset: seen, duplicate: true } };
  const rises = offset > model.last;
  model.entries.push({ offset, text });
  model.last = offset;
  if (key !== undefined) model.keys.set(key, offset);
  return { actual: { rises, duplicate }, expected: { rises: true, duplicate: false } };
}

function describeModel(bench: Bench<Log>): void {
  it("behaves as its model under any series of appends, trims and reads", async () => {
    await assert(
      asyncProperty(steps, async (series) => {
        const { port: log, subject } = await bench.open();
        const models = new Map<string, Model>();
        for (const [index, step] of series.entries()) {
          const model = models.get(step.stream) ?? new Model();
          models.set(step.stream, model);
          const { actual, expected } = await follow(log, model, step, `entry ${index}`);
          expect(actual).toEqual(expected);
        }
        await subject.teardown();
      }),
      { numRuns: 25 },
    );
  });
}

function describePersistence(bench: Bench<Log>): void {
  it("has entries, bounds, epoch and dedupe keys when opened again", async () => {
    const { port: log, subject } = await bench.open();
    const { offset: trimmed } = await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-a" });
    const { offset } = await log.append("mail/x", bytesOf("b"), { dedupeKey: "id-b" });
    const bounds = await log.trim("mail/x", trimmed);
    const again = await bench.reopen(subject);
    if (again === undefined) throw new Error("declares persistence but cannot be opened again");
    expect(await again.port.bounds("mail/x")).toEqual(bounds);
    expect(texts((await again.port.read("mail/x")).entries)).toEqual(["b"]);
    expect(await again.port.append("mail/x", bytesOf("b"), { dedupeKey: "id-b" })).toEqual({ offset, duplicate: true });
    expect((await again.port.append("mail/x", bytesOf("c"))).offset).toBeGreaterThan(offset);
  });

  it("finishes the appends under way before it closes", async () => {
    const { port: log, subject } = await bench.open();
    const under = Array.from({ length: 20 }, (_, index) => log.append("mail/x", bytesOf(`${index}`)));
    const again = await bench.reopen(subject);
    await Promise.all(under);
    expect((await again?.port.read("mail/x"))?.entries).toHaveLength(20);
  });
}

function describeWindow(bench: Bench<Log>): void {
  it("remembers a dedupe key for the whole window and stamps entries with the clock", async () => {
    const { port: log, clock } = await bench.open();
    const at = clock.now();
    const { offset } = await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" });
    clock.advance(logDedupeWindowMs - 1);
    // Other keys in between, so that an adapter which forgets by and by has every chance to.
    for (let index = 0; index < 50; index++) await log.append("mail/y", bytesOf("b"), { dedupeKey: `id-${index}` });
    expect(await log.append("mail/x", bytesOf("a"), { dedupeKey: "id-1" })).toEqual({ offset, duplicate: true });
    expect((await log.read("mail/x")).entries[0]?.at).toBe(at);
  });
}
