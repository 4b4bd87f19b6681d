import { maxJournalStateBytes, openMemoryJournal } from "@parley/core";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { KeptTable } from "../src/kept-table.ts";

const schema = z.object({ text: z.string() });
type Row = z.infer<typeof schema>;

type Kept = Pick<ReturnType<typeof openMemoryJournal>, "getState" | "putState">;
const open = (journal: Kept, most = 3): Promise<KeptTable<Row>> =>
  KeptTable.open({ journal, name: "things", schema, most });

/** Fails in the writes that are named, from 1. */
function failingAt(journal: Kept, ...failing: readonly number[]): Kept {
  let writes = 0;
  return {
    getState: (key) => journal.getState(key),
    putState: (key, bytes) =>
      failing.includes(++writes) ? Promise.reject(new Error("the disk is full")) : journal.putState(key, bytes),
  };
}

/** Takes so many writes, and then none. */
function failing(journal: Kept, after: number): Kept {
  let writes = 0;
  return {
    getState: (key) => journal.getState(key),
    putState: (key, bytes) =>
      writes++ < after ? journal.putState(key, bytes) : Promise.reject(new Error("the disk is full")),
  };
}

describe("a table in the journal", () => {
  it("is there again after a restart, in the order in which its rows came", async () => {
    const journal = openMemoryJournal();
    const table = await open(journal);
    await table.put("b", { text: "second in the alphabet" });
    await table.put("a", { text: "first" });
    await table.put("b", { text: "changed" });
    const again = await open(journal);
    expect(again.all()).toEqual([
      ["b", { text: "changed" }],
      ["a", { text: "first" }],
    ]);
    await again.delete("b");
    expect((await open(journal)).all()).toEqual([["a", { text: "first" }]]);
  });

  it("takes as many rows as it may, changes them, and takes not one more until there is room", async () => {
    const table = await open(openMemoryJournal());
    for (const key of ["a", "b", "c"]) await table.put(key, { text: key });
    await table.put("c", { text: "changed" });
    await expect(table.put("d", { text: "d" })).rejects.toMatchObject({ code: "limit_reached" });
    expect(table.size).toBe(3);
    await table.delete("a");
    await table.put("d", { text: "d" });
    expect(table.all().map(([key]) => key)).toEqual(["b", "c", "d"]);
  });

  it("takes a row of the largest size and none that is larger", async () => {
    const table = await open(openMemoryJournal());
    const around = JSON.stringify({ text: "" }).length;
    await table.put("a", { text: "x".repeat(maxJournalStateBytes - around) });
    const larger = table.put("b", { text: "x".repeat(maxJournalStateBytes - around + 1) });
    await expect(larger).rejects.toMatchObject({ code: "too_large" });
    expect(table.get("b")).toBeUndefined();
  });

  it.each([0, 1])("says nothing that is not on disk: a write fails after %i of two", async (after) => {
    const journal = openMemoryJournal();
    await (await open(journal)).put("a", { text: "old" });
    const table = await open(failing(journal, after));
    await expect(table.put("b", { text: "new" })).rejects.toThrow("the disk is full");
    expect(table.get("b")).toBeUndefined();
    expect((await open(journal)).get("a")).toEqual({ text: "old" });
  });

  it("keeps the row that was when its change cannot be written", async () => {
    const journal = openMemoryJournal();
    await (await open(journal)).put("a", { text: "old" });
    const table = await open(failing(journal, 0));
    await expect(table.put("a", { text: "new" })).rejects.toThrow("the disk is full");
    expect(table.get("a")).toEqual({ text: "old" });
  });

  it("keeps a row whose second write succeeds after its first one failed", async () => {
    const journal = openMemoryJournal();
    const table = await open(failingAt(journal, 1, 2));
    const [first, second] = [table.put("a", { text: "first" }), table.put("a", { text: "second" })];
    await expect(first).rejects.toThrow("the disk is full");
    await second;
    expect(table.get("a")).toEqual({ text: "second" });
    expect((await open(journal)).get("a")).toEqual({ text: "second" });
  });

  it("goes back to what is on disk when two writes fail one after the other", async () => {
    const journal = openMemoryJournal();
    await (await open(journal)).put("a", { text: "kept" });
    const table = await open(failing(journal, 0));
    const writes = [table.put("a", { text: "first" }), table.put("a", { text: "second" })];
    expect((await Promise.allSettled(writes)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(table.get("a")).toEqual({ text: "kept" });
  });

  it("has a row again that could not be removed, and removes it at the next try", async () => {
    const journal = openMemoryJournal();
    await (await open(journal)).put("a", { text: "a" });
    const table = await open(failingAt(journal, 1));
    await expect(table.delete("a")).rejects.toThrow("the disk is full");
    expect(table.get("a")).toEqual({ text: "a" });
    await table.delete("a");
    expect((await open(journal)).size).toBe(0);
  });

  it("has a row that was put while it was being removed", async () => {
    const journal = openMemoryJournal();
    const table = await open(journal);
    await table.put("a", { text: "old" });
    await Promise.all([table.delete("a"), table.put("a", { text: "new" })]);
    expect((await open(journal)).get("a")).toEqual({ text: "new" });
  });

  it("leaves out a row that it cannot read, and goes on with the others", async () => {
    const journal = openMemoryJournal();
    const table = await open(journal);
    await table.put("a", { text: "a" });
    await table.put("b", { text: "b" });
    await journal.putState("things/row/a", new TextEncoder().encode('{"text": 7}'));
    expect((await open(journal)).all()).toEqual([["b", { text: "b" }]]);
  });
});
