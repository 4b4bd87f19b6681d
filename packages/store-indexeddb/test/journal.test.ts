import type { Journal } from "@parley/core";
import { openIndexedDbJournal } from "@parley/store-indexeddb";
import { describeJournal, historyBoundsUnderTest, journalBoundsUnderTest } from "@parley/testkit/compliance/journal";
import type { Subject } from "@parley/testkit/compliance/subject";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { vi } from "vitest";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

let databases = 0;

/** Over an IndexedDB in memory; `test/browser` runs the same in Chromium. */
describeJournal("indexeddb", async () => {
  const factory = new IDBFactory();
  const name = `device-${databases++}`;
  const open = async (): Promise<Subject<Journal>> => {
    const journal = await openIndexedDbJournal({
      name,
      factory,
      outbox: journalBoundsUnderTest,
      inbox: journalBoundsUnderTest,
      history: historyBoundsUnderTest,
    });
    return { port: journal, close: () => journal.close(), reopen: open, teardown: () => journal.close() };
  };
  return open();
});
