import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { DeliveryRecord, Journal, Log } from "@parley/core";
import { systemClock } from "@parley/core";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { history, inFlight, keptEntries, toldAt } from "./children/trimmed-history.ts";
import { makeFolder } from "./folder.ts";
import { acknowledgedBeforeKill } from "./killed-writer.ts";

async function numbersIn(log: Log): Promise<Set<number>> {
  const numbers = new Set<number>();
  for (let from = 1; ;) {
    const page = await log.read("mail/x", { from, limit: 1000 });
    for (const { bytes } of page.entries) numbers.add(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
    if (page.complete) return numbers;
    from = page.next;
  }
}

async function everyDelivery(journal: Journal): Promise<readonly DeliveryRecord[]> {
  const records: DeliveryRecord[] = [];
  for (let after = 0; ;) {
    const page = await journal.deliveries({ after, limit: 500 });
    records.push(...page.records);
    if (page.next === undefined) return records;
    after = page.next;
  }
}

describe("a process killed in the middle of its writes", () => {
  it("leaves everything that it acknowledged", async () => {
    const folder = await makeFolder();
    const acknowledged = await acknowledgedBeforeKill("write-until-killed.ts", folder.path, 3000);
    expect(acknowledged.length).toBeGreaterThan(1000);
    const stores = openSqliteStores({ dir: folder.path, clock: systemClock });
    const stored = await numbersIn(stores.log);
    expect(acknowledged.filter((number) => !stored.has(number))).toEqual([]);
    const repeated = await stores.log.append("mail/x", new Uint8Array(1), { dedupeKey: `id-${acknowledged[0]}` });
    expect(repeated.duplicate).toBe(true);
    await stores.close();

    const journal = openSqliteJournal({ dir: folder.path });
    const { outbox, lastSeq } = await journal.load();
    const pending = new Set(outbox.map(({ seq }) => seq));
    const records = await everyDelivery(journal);
    const sent = new Map(records.filter(({ direction }) => direction === "out").map((each) => [each.seq, each]));
    const received = new Map(records.filter(({ direction }) => direction === "in").map((each) => [each.seq, each]));
    expect(acknowledged.filter((number) => !sent.has(number))).toEqual([]);
    expect(acknowledged.filter((number) => lastSeq.get(`m${number}`) !== number)).toEqual([]);
    const settled = acknowledged.filter((number) => number % 3 === 1);
    expect(settled.filter((number) => pending.has(number) || sent.get(number)?.state !== "delivered")).toEqual([]);
    const waiting = acknowledged.filter((number) => number % 3 !== 1);
    expect(waiting.filter((number) => !pending.has(number))).toEqual([]);
    const handled = acknowledged.filter((number) => number % 3 === 2);
    expect(handled.filter((number) => received.get(number)?.state !== "handled")).toEqual([]);
    // Whatever stands in the journal stands there whole.
    for (const { seq, body, facts } of records) {
      expect(new DataView(body.buffer, body.byteOffset).getUint32(0)).toBe(seq);
      expect(facts.length).toBeLessThanOrEqual(2);
    }
    await journal.close();
    await folder.remove();
  });

  it("leaves history at its bound, with all that ended last and nothing of what went", async () => {
    const folder = await makeFolder();
    const acknowledged = await acknowledgedBeforeKill("trim-until-killed.ts", folder.path, 2000);
    expect(acknowledged.length).toBeGreaterThan(5 * keptEntries);
    const journal = openSqliteJournal({ dir: folder.path, history });
    const records = await everyDelivery(journal);
    const ended = records.filter(({ pending }) => !pending);
    expect(ended.length).toBeLessThanOrEqual(keptEntries);
    // Each of those under way may have received what it was told of, and not ended it yet.
    expect(ended.length).toBeGreaterThanOrEqual(keptEntries - inFlight);
    const newest = new Set(acknowledged.slice(-keptEntries / 8));
    for (const direction of ["in", "out"] as const) {
      const kept = records.filter((each) => each.direction === direction && newest.has(each.seq));
      expect(kept.map(({ seq }) => seq).toSorted((one, other) => one - other)).toEqual(
        [...newest].toSorted((one, other) => one - other),
      );
      expect(new Set(kept.map(({ state, pending }) => `${state} ${pending}`))).toEqual(
        new Set([direction === "in" ? "handled false" : "delivered false"]),
      );
    }
    const pending = new Set((await journal.pendingInbox()).map(({ seq }) => seq));
    for (const record of records) {
      const { seq, direction, device, epoch, body, facts } = record;
      expect(new DataView(body.buffer, body.byteOffset).getUint32(0)).toBe(seq);
      if (direction === "out") continue;
      // Told of by another device, or received here: never something of both.
      const isTold = facts[0]?.at === toldAt;
      expect(facts.map(({ at }) => at)).toEqual(isTold ? [toldAt, toldAt] : record.pending ? [seq] : [seq, seq]);
      expect(pending.has(seq)).toBe(record.pending);
      const entry = { seq, receivedAt: seq, envelope: testEnvelope(body) };
      await journal.forgetInbound({ sender: record.peer, device: device ?? "", epoch });
      const known = await journal.commitInbox({ sender: record.peer, device: device ?? "", epoch }, seq, [entry]);
      expect(known).toEqual(isTold ? [] : [seq]);
    }
    await journal.close();
    expect(leftBehind(folder.path)).toEqual([]);
    await folder.remove();
  });
});

/** What the journal's file has of entries that are not there any more, and where its count of history is wrong. */
function leftBehind(dir: string): readonly string[] {
  const raw = new DatabaseSync(path.join(dir, "journal.db"));
  const isEnded = `(outcome <> 0 OR (outgoing = 1 AND seq <= (SELECT settled FROM outbound WHERE id = stream)))`;
  const checks = {
    "facts of entries": "SELECT 1 FROM entry_fact WHERE place NOT IN (SELECT place FROM entry)",
    "facts of ranges": "SELECT 1 FROM range_fact WHERE stream NOT IN (SELECT stream FROM entry WHERE outgoing = 1)",
    "inbound streams":
      "SELECT 1 FROM inbound WHERE seq = 0 AND id NOT IN (SELECT stream FROM entry WHERE outgoing = 0)",
    "a wrong number": `SELECT 1 FROM tally WHERE name = 'entries' AND value <> (SELECT count(*) FROM entry WHERE ${isEnded})`,
    "a wrong size": `SELECT 1 FROM tally WHERE name = 'bytes' AND value <> (SELECT total(length(body)) FROM entry WHERE ${isEnded})`,
  };
  const left = Object.entries(checks).filter(([, sql]) => raw.prepare(sql).get() !== undefined);
  raw.close();
  return left.map(([what]) => what);
}
