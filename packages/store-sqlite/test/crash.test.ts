import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import type { DeliveryRecord, Journal, Log } from "@parley/core";
import { systemClock } from "@parley/core";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";
import { describe, expect, it } from "vitest";

import { makeFolder } from "./folder.ts";

const child = path.join(import.meta.dirname, "children/write-until-killed.ts");

/** Lets a process write into the folder, kills it once it reported that many writes, and gives every number it reported. */
async function acknowledgedBeforeKill(dir: string, writes: number): Promise<readonly number[]> {
  const writer = spawn(process.execPath, [child, dir], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > writes * 5) writer.kill("SIGKILL");
  });
  const closed = once(writer, "close");
  await closed;
  expect(writer.signalCode).toBe("SIGKILL");
  // The last line may be cut off; its number was acknowledged but not reported.
  return output.slice(0, output.lastIndexOf("\n")).split("\n").map(Number);
}

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
    const acknowledged = await acknowledgedBeforeKill(folder.path, 3000);
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
});
