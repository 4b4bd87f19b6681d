import type { DeleteResult, PutResult, RecordChange, Records } from "@parley/core";
import { maxRecordBytes, maxRecordPage } from "@parley/core";
import { array, assert, asyncProperty, boolean, nat, record } from "fast-check";
import { describe, expect, it } from "vitest";

import type { Capability, Setup } from "./subject.ts";
import { Arrivals, Bench, bytesOf, expectCode, has, maxSpuriousConflicts, textOf } from "./subject.ts";

export interface RecordsCapabilities {
  /** State outlives a close. */
  readonly persistence?: Capability;
}

/** The behaviour of every Records. */
export function describeRecords(name: string, setup: Setup<Records>, capabilities: RecordsCapabilities = {}): void {
  describe(`${name} as Records`, () => {
    const bench = new Bench(setup);
    describeChanging(bench);
    describeListing(bench);
    describeWatching(bench);
    describeArguments(bench);
    if (has(name, "records outlive a close", capabilities.persistence)) describePersistence(bench);
  });
}

/** Tries a change whose condition holds until it is not refused for no reason. */
async function insist<Result extends PutResult | DeleteResult>(
  change: () => Promise<Result>,
): Promise<Result & { ok: true }> {
  for (let tries = 0; ; tries++) {
    const result = await change();
    if (result.ok) return result as Result & { ok: true };
    if (tries === maxSpuriousConflicts) throw new Error(`refused ${tries} times, the last time by ${result.conflict}`);
  }
}

const put = (records: Records, key: string, text: string): Promise<PutResult> => records.put(key, bytesOf(text));

function describeChanging(bench: Bench<Records>): void {
  it("gives back what was put, and nothing for a key without a record", async () => {
    const { port: records } = await bench.open();
    expect(await records.get("name/x")).toBeUndefined();
    const { revision } = await insist(() => put(records, "name/x", "a"));
    const found = await records.get("name/x");
    expect({ text: textOf(found?.value), revision: found?.revision }).toEqual({ text: "a", revision });
  });

  it("raises the revision with every change, over a delete too", async () => {
    const { port: records } = await bench.open();
    const first = await insist(() => put(records, "name/x", "a"));
    const second = await insist(() => put(records, "name/x", "b"));
    await records.delete("name/x");
    expect(await records.get("name/x")).toBeUndefined();
    const third = await insist(() => put(records, "name/x", "c"));
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(third.revision).toBeGreaterThan(second.revision);
  });

  it("creates only what is absent", async () => {
    const { port: records } = await bench.open();
    const { revision } = await insist(() => records.put("name/x", bytesOf("a"), { ifRevision: "absent" }));
    expect(await records.put("name/x", bytesOf("b"), { ifRevision: "absent" })).toEqual({
      ok: false,
      conflict: revision,
    });
    expect(textOf((await records.get("name/x"))?.value)).toBe("a");
    await records.delete("name/x");
    await insist(() => records.put("name/x", bytesOf("c"), { ifRevision: "absent" }));
  });

  it("changes only the revision that was named", async () => {
    const { port: records } = await bench.open();
    const { revision } = await insist(() => put(records, "name/x", "a"));
    const next = await insist(() => records.put("name/x", bytesOf("b"), { ifRevision: revision }));
    expect(await records.put("name/x", bytesOf("c"), { ifRevision: revision })).toEqual({
      ok: false,
      conflict: next.revision,
    });
    expect(await records.put("name/y", bytesOf("c"), { ifRevision: revision })).toEqual({
      ok: false,
      conflict: "absent",
    });
    expect(textOf((await records.get("name/x"))?.value)).toBe("b");
  });

  it("deletes only the revision that was named", async () => {
    const { port: records } = await bench.open();
    const old = await insist(() => put(records, "name/x", "a"));
    const { revision } = await insist(() => put(records, "name/x", "b"));
    expect(await records.delete("name/x", { ifRevision: old.revision })).toEqual({ ok: false, conflict: revision });
    await insist(() => records.delete("name/x", { ifRevision: revision }));
    expect(await records.get("name/x")).toBeUndefined();
    expect(await records.delete("name/x")).toEqual({ ok: true });
    expect(await records.delete("name/x", { ifRevision: revision })).toEqual({ ok: false, conflict: "absent" });
  });

  it("lets at most one of many on the same condition through", async () => {
    const { port: records } = await bench.open();
    const claims = ["a", "b", "c", "d"].map((text) => records.put("invite/x", bytesOf(text), { ifRevision: "absent" }));
    const won = (await Promise.all(claims)).filter(({ ok }) => ok);
    expect(won.length).toBeLessThanOrEqual(1);
    expect((await records.get("invite/x")) !== undefined).toBe(won.length === 1);
  });

  it("counts right when many add to one record by compare and set", async () => {
    const { port: records } = await bench.open();
    await insist(() => put(records, "count", "0"));
    const addOne = async (): Promise<PutResult> => {
      const found = await records.get("count");
      return records.put("count", bytesOf(`${Number(textOf(found?.value)) + 1}`), {
        ifRevision: found?.revision ?? "absent",
      });
    };
    await Promise.all(Array.from({ length: 10 }, () => insist(addOne)));
    expect(textOf((await records.get("count"))?.value)).toBe("10");
  });
}

function describeListing(bench: Bench<Records>): void {
  it("lists by prefix, sorted and in pages", async () => {
    const { port: records } = await bench.open();
    for (const key of ["member/b", "member/a", "member/a/card", "members", "name/z"]) await put(records, key, key);
    const keys = async (prefix: string, options = {}): Promise<readonly string[]> =>
      (await records.list(prefix, options)).records.map(({ key }) => key);
    expect(await keys("member/")).toEqual(["member/a", "member/a/card", "member/b"]);
    expect(await keys("")).toEqual(["member/a", "member/a/card", "member/b", "members", "name/z"]);
    expect(await keys("none/")).toEqual([]);
    const page = await records.list("member/", { limit: 2 });
    expect(page.complete).toBe(false);
    expect(textOf(page.records[1]?.value)).toBe("member/a/card");
    expect(await records.list("member/", { limit: 2, after: "member/a/card" })).toMatchObject({
      records: [{ key: "member/b" }],
      complete: true,
    });
  });

  it("pages through more records than one page may have", async () => {
    const { port: records } = await bench.open();
    const count = maxRecordPage + 1;
    await Promise.all(Array.from({ length: count }, (_, index) => put(records, `r/${index}`, "x")));
    const first = await records.list("r/", { limit: count });
    expect({ count: first.records.length, complete: first.complete }).toEqual({
      count: maxRecordPage,
      complete: false,
    });
    const after = first.records.at(-1)?.key ?? "";
    expect(await records.list("r/", { after })).toMatchObject({ records: [{}], complete: true });
  });
}

const lastValues = (changes: readonly RecordChange[]): Record<string, string | undefined> =>
  Object.fromEntries(changes.map(({ key, value }) => [key, textOf(value)]));

function describeWatching(bench: Bench<Records>): void {
  it("hands over what is there, then changes and deletes", async () => {
    const { port: records } = await bench.open();
    await put(records, "name/a", "1");
    await put(records, "name/b", "1");
    await put(records, "other/c", "1");
    const seen = new Arrivals<RecordChange>();
    await records.watch("name/", seen.add);
    expect(lastValues(seen.items)).toEqual({ "name/a": "1", "name/b": "1" });
    await put(records, "name/a", "2");
    await records.delete("name/b");
    await put(records, "other/c", "2");
    await put(records, "name/d", "1");
    await seen.until((items) => lastValues(items)["name/d"] === "1" && items.some(({ value }) => value === undefined));
    await seen.until((items) => lastValues(items)["name/a"] === "2");
    expect(lastValues(seen.items)).toEqual({ "name/a": "2", "name/b": undefined, "name/d": "1" });
  });

  it("hands the changes of a key over in order and ends with its last value", async () => {
    const { port: records } = await bench.open();
    const seen = new Arrivals<RecordChange>();
    let watching: Promise<void> | undefined;
    for (let index = 0; index < 20; index++) {
      await put(records, `name/${index % 3}`, `${index}`);
      if (index === 5) watching = records.watch("name/", seen.add);
    }
    await watching;
    await seen.until((items) => ["17", "18", "19"].every((text) => items.some(({ value }) => textOf(value) === text)));
    for (const key of ["name/0", "name/1", "name/2"]) {
      const revisions = seen.items.filter((change) => change.key === key).map(({ revision }) => revision);
      expect(revisions).toEqual([...revisions].sort((left, right) => left - right));
    }
  });

  it("ends up with what the store holds, whatever happens while it starts", async () => {
    await assert(
      asyncProperty(
        array(record({ key: nat(4), gone: boolean() }), { maxLength: 30 }),
        nat(30),
        async (series, start) => {
          const { port: records, subject } = await bench.open();
          const seen = new Arrivals<RecordChange>();
          let watching: Promise<void> | undefined;
          const change = async ({ key, gone }: { key: number; gone: boolean }, index: number): Promise<void> => {
            if (index === start) watching = records.watch("k/", seen.add);
            await (gone ? records.delete(`k/${key}`) : put(records, `k/${key}`, `${index}`));
          };
          await Promise.all(series.map(change));
          watching ??= records.watch("k/", seen.add);
          await watching;
          await put(records, "k/end", "end");
          const stored = lastValues((await records.list("k/")).records);
          await seen.until((items) => {
            const present = Object.entries(lastValues(items)).filter(([, value]) => value !== undefined);
            return (
              present.length === Object.keys(stored).length && present.every(([key, value]) => stored[key] === value)
            );
          });
          await subject.teardown();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("serves several watches and ends the one whose signal aborts", async () => {
    const { port: records } = await bench.open();
    const stop = new AbortController();
    const ended = new Arrivals<RecordChange>();
    const going = new Arrivals<RecordChange>();
    await records.watch("name/", ended.add, { signal: stop.signal });
    await records.watch("", going.add);
    await put(records, "name/a", "1");
    await ended.until((items) => items.length > 0);
    stop.abort();
    const before = ended.items.length;
    await put(records, "name/a", "2");
    await going.until((items) => lastValues(items)["name/a"] === "2");
    expect(ended.items).toHaveLength(before);
    await records.watch("name/", ended.add, { signal: stop.signal });
    expect(ended.items).toHaveLength(before);
  });

  it("goes on after a handler threw", async () => {
    const { port: records } = await bench.open();
    const seen = new Arrivals<RecordChange>();
    await records.watch("", (change) => {
      seen.add(change);
      throw new Error("a handler's mistake");
    });
    await put(records, "name/a", "1");
    await put(records, "name/b", "2");
    await seen.until((items) => lastValues(items)["name/a"] === "1" && lastValues(items)["name/b"] === "2");
  });
}

function describeArguments(bench: Bench<Records>): void {
  it("takes a value at the limit and refuses one above it", async () => {
    const { port: records } = await bench.open();
    expect((await records.put("name/x", new Uint8Array(maxRecordBytes))).ok).toBe(true);
    await expectCode(records.put("name/x", new Uint8Array(maxRecordBytes + 1)), "too_large");
    expect((await records.put("name/y", new Uint8Array(0))).ok).toBe(true);
    expect((await records.get("name/y"))?.value).toHaveLength(0);
  });

  it("refuses keys and prefixes that are not of the documented form", async () => {
    const { port: records } = await bench.open();
    for (const key of ["", "/", "a/", "a//b", "a b", "é", "a".repeat(257)]) {
      await expectCode(put(records, key, "x"), "invalid_argument");
      await expectCode(records.get(key), "invalid_argument");
      await expectCode(records.delete(key), "invalid_argument");
    }
    expect((await put(records, `${"a".repeat(254)}/b`, "x")).ok).toBe(true);
    await expectCode(records.list("name"), "invalid_argument");
    await expectCode(
      records.watch("name", () => undefined),
      "invalid_argument",
    );
    await expectCode(records.put("a", bytesOf("x"), { ifRevision: -1 }), "invalid_argument");
  });

  it("rejects every call after it is closed and calls no handler any more", async () => {
    const { port: records, subject } = await bench.open();
    const seen = new Arrivals<RecordChange>();
    await records.watch("", seen.add);
    await subject.close();
    await expectCode(put(records, "name/x", "a"), "closed");
    await expectCode(records.get("name/x"), "closed");
    await expectCode(records.delete("name/x"), "closed");
    await expectCode(records.list(""), "closed");
    await expectCode(records.watch("", seen.add), "closed");
    expect(seen.items).toEqual([]);
  });
}

function describePersistence(bench: Bench<Records>): void {
  it("has records and revisions when opened again, and never gives a revision twice", async () => {
    const { port: records, subject } = await bench.open();
    const kept = await insist(() => put(records, "name/x", "a"));
    const gone = await insist(() => put(records, "name/y", "b"));
    await records.delete("name/y");
    const again = await bench.reopen(subject);
    if (again === undefined) throw new Error("declares persistence but cannot be opened again");
    expect((await again.port.get("name/x"))?.revision).toBe(kept.revision);
    expect(await again.port.get("name/y")).toBeUndefined();
    const next = await insist(() => put(again.port, "name/y", "c"));
    expect(next.revision).toBeGreaterThan(gone.revision);
  });
}
