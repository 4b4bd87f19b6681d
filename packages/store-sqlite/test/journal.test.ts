import type { Journal } from "@parley/core";
import { openSqliteJournal } from "@parley/store-sqlite";
import { describeJournal, historyBoundsUnderTest, journalBoundsUnderTest } from "@parley/testkit/compliance/journal";
import type { Subject } from "@parley/testkit/compliance/subject";

import { makeFolder } from "./folder.ts";

describeJournal("sqlite", async () => {
  const folder = await makeFolder();
  const open = (): Subject<Journal> => {
    const journal = openSqliteJournal({
      dir: folder.path,
      outbox: journalBoundsUnderTest,
      inbox: journalBoundsUnderTest,
      history: historyBoundsUnderTest,
    });
    const teardown = async (): Promise<void> => {
      await journal.close();
      await folder.remove();
    };
    return { port: journal, close: () => journal.close(), reopen: async () => open(), teardown };
  };
  return open();
});
