import { openIndexedDbJournal } from "@parley/store-indexeddb";
import { testEnvelope } from "@parley/testkit";
import { expectCode } from "@parley/testkit/compliance/subject";
import { IDBFactory, IDBKeyRange, IDBObjectStore } from "fake-indexeddb";
import { afterEach, describe, expect, it, vi } from "vitest";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

afterEach(() => {
  vi.restoreAllMocks();
});

let databases = 0;
const freshName = (): string => `trouble-${databases++}`;

const envelope = testEnvelope(new Uint8Array(10));
const sending = (seq: number) => ({ recipient: "m2", seq, envelope });

/** Lets every write of a body fail, as a full disk does, once there are so many bodies. */
function fullAt(bodies: number): void {
  const { put, delete: remove } = Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(IDBObjectStore.prototype)).map(([name, { value }]) => [
      name,
      value,
    ]),
  ) as Pick<IDBObjectStore, "put" | "delete">;
  const kept = new Set<unknown>();
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
    if (this.name === "bodies") {
      if (kept.size >= bodies) throw new DOMException("full", "QuotaExceededError");
      kept.add(key);
    }
    return put.call(this, value, key);
  });
  vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(function (this: IDBObjectStore, key) {
    if (this.name === "bodies") kept.delete(key);
    return remove.call(this, key);
  });
}

describe("a journal on IndexedDB", () => {
  it("is refused while another has it open, and works again afterwards", async () => {
    const options = { name: freshName(), factory: new IDBFactory() };
    const journal = await openIndexedDbJournal(options);
    await expectCode(openIndexedDbJournal(options), "device_in_use");
    await journal.close();
    await (await openIndexedDbJournal(options)).close();
  });

  it("rejects what does not fit with a code, keeps its numbers, and gives history up for what is new", async () => {
    const journal = await openIndexedDbJournal({ name: freshName(), factory: new IDBFactory() });
    fullAt(3);
    for (const seq of [1, 2, 3]) await journal.appendOutbox(sending(seq));
    await expectCode(journal.appendOutbox(sending(4)), "storage_full");
    const { outbox, lastSeq } = await journal.load();
    expect([outbox.length, lastSeq.get("m2")]).toEqual([3, 3]);
    await journal.settleOutbox("m2", 2);
    await journal.appendOutbox(sending(4));
    expect((await journal.load()).outbox.map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await journal.deliveries()).records.map(({ seq }) => seq)).toEqual([2, 3, 4]);
    await journal.close();
  });

  it("fails only the call that its condition refuses", async () => {
    const journal = await openIndexedDbJournal({ name: freshName(), factory: new IDBFactory() });
    const results = await Promise.allSettled([1, 1, 2].map((seq) => journal.appendOutbox(sending(seq))));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await journal.close();
  });

  it("ends with a code when the browser takes the database away for a newer page", async () => {
    const factory = new IDBFactory();
    const name = freshName();
    const journal = await openIndexedDbJournal({ name, factory });
    const newer = Promise.withResolvers<IDBDatabase>();
    const request = factory.open(name, 99);
    request.addEventListener("success", () => newer.resolve(request.result));
    const database = await newer.promise;
    await expectCode(journal.appendOutbox(sending(1)), "storage_unavailable");
    await expectCode(journal.load(), "storage_unavailable");
    await journal.close();
    await expectCode(openIndexedDbJournal({ name, factory }), "data_too_new");
    database.close();
  });

  it("says so where the page has no storage", async () => {
    vi.stubGlobal("indexedDB", undefined);
    await expectCode(openIndexedDbJournal({ name: freshName() }), "storage_unavailable");
  });
});
