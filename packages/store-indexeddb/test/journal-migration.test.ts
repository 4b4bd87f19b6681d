import { openIndexedDbJournal } from "@parley/store-indexeddb";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

const stream = { sender: "m1", device: "d1", epoch: "e1" };
const envelope = { kind: 4, critical: false, more: false, created: 5, ttl: 0, hops: 0, trace: undefined };
const received = (seq: number) => ({
  seq,
  receivedAt: 9,
  envelope: { ...envelope, origin: undefined, body: new Uint8Array(1) },
});
/** As the first version left them: received here and refused, imported as handled, imported as sent. */
const entry = {
  at: 5,
  path: undefined,
  outcome: "noted",
  settledAt: 5,
  attempts: 0,
  redelivered: false,
  isTail: false,
  bytes: 1,
  envelope,
};
const entries = [
  { ...entry, place: 1, outgoing: 0, stream: 1, seq: 1 },
  { ...entry, place: 2, outgoing: 0, stream: 1, seq: 2 },
  { ...entry, place: 3, outgoing: 1, stream: 2, seq: 7 },
];
const facts = [
  { place: 1, state: "refused" },
  { place: 2, state: "delivered" },
  { place: 2, state: "handled" },
  { place: 3, state: "accepted" },
  { place: 3, state: "delivered" },
];

async function oldJournal(): Promise<{ readonly name: string; readonly factory: IDBFactory }> {
  const factory = new IDBFactory();
  const name = "old";
  const request = factory.open(name, 1);
  request.addEventListener("upgradeneeded", () => {
    const database = request.result;
    const settings = database.createObjectStore("settings");
    settings.put("first-epoch", "epoch");
    settings.put({ place: 3, note: 0, stream: 2, touch: 1, entries: 3, bytes: 3 }, "tally");
    database.createObjectStore("state");
    const outbound = database.createObjectStore("outbound", { keyPath: "id" });
    outbound.createIndex("recipient", ["recipient", "epoch"]);
    outbound.createIndex("epoch", "epoch");
    outbound.put({ id: 2, recipient: "m2", epoch: "theirs", lastSeq: 0, settled: 0, current: 0 });
    const inbound = database.createObjectStore("inbound", { keyPath: "id" });
    inbound.createIndex("stream", ["sender", "device", "epoch"], { unique: true });
    inbound.createIndex("epoch", "epoch");
    inbound.put({ ...stream, id: 1, seq: 0, touched: 0 });
    const rows = database.createObjectStore("entries", { keyPath: "place" });
    rows.createIndex("stream", ["outgoing", "stream", "seq"], { unique: true });
    rows.createIndex("origin", "origin");
    rows.createIndex("open", "open");
    for (const row of entries) rows.put(row);
    const bodies = database.createObjectStore("bodies");
    for (const { place } of entries) bodies.put(new Uint8Array(1), place);
    database.createObjectStore("rangeFacts", { keyPath: ["stream", "to", "state"] });
    const noted = database.createObjectStore("entryFacts", { keyPath: ["place", "state"] });
    for (const { place, state } of facts) noted.put({ place, state, fact: { state, at: 6 }, receipt: undefined });
  });
  await new Promise((resolve) => request.addEventListener("success", resolve));
  request.result.close();
  return { name, factory };
}

describe("a journal of the first version on IndexedDB", () => {
  it("is opened with everything in it, and what was imported may still be received", async () => {
    const options = await oldJournal();
    const journal = await openIndexedDbJournal(options);
    const outline = async (): Promise<readonly string[]> =>
      (await journal.deliveries()).records.map(({ id, state, pending }) => `${id} ${state} ${pending}`);
    expect(await outline()).toEqual(["e1.1 refused false", "e1.2 handled false", "theirs.7 delivered false"]);
    expect(await journal.commitInbox(stream, 3, [1, 2, 3].map(received))).toEqual([1]);
    expect(await outline()).toEqual([
      "e1.1 refused false",
      "theirs.7 delivered false",
      "e1.2 delivered true",
      "e1.3 delivered true",
    ]);
    await journal.close();
    const again = await openIndexedDbJournal(options);
    expect((await again.pendingInbox()).map(({ seq }) => seq)).toEqual([2, 3]);
    await again.close();
  });
});
