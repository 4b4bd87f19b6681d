import { openMemoryJournal } from "@parley/core";
import { describeJournal, historyBoundsUnderTest, journalBoundsUnderTest } from "@parley/testkit/compliance/journal";

describeJournal(
  "memory",
  async () => {
    const journal = openMemoryJournal({
      outbox: journalBoundsUnderTest,
      inbox: journalBoundsUnderTest,
      history: historyBoundsUnderTest,
    });
    return { port: journal, close: () => journal.close(), teardown: () => journal.close() };
  },
  { persistence: { missing: "memory ends with its process" } },
);
