import type { DeliveryRecord, Journal } from "@parley/core";
import { maxDeliveries } from "@parley/core";
import type { DeliveryState } from "@parley/protocol";
import { it } from "vitest";

import { describeBounds, describePurge } from "./journal-bounds.ts";
import { describeImport } from "./journal-import.ts";
import { describeHistoryModel } from "./journal-model.ts";
import { describeQueries } from "./journal-queries.ts";
import { describeReceivedHistory, describePendingPages } from "./journal-received.ts";
import { all, fact, place, sending, stream } from "./journal-samples.ts";
import { describeSentFacts, describeSentHistory } from "./journal-sent.ts";
import type { Bench } from "./subject.ts";
import { expectCode } from "./subject.ts";

/** What a Journal remembers of what it sent and received. */
export function describeJournalHistory(bench: Bench<Journal>): void {
  describeSentFacts(bench);
  describeSentHistory(bench);
  describeReceivedHistory(bench);
  describePendingPages(bench);
  describeQueries(bench);
  describeBounds(bench);
  describePurge(bench);
  describeImport(bench);
  describeHistoryArguments(bench);
  describeHistoryModel(bench);
}

function describeHistoryArguments(bench: Bench<Journal>): void {
  it("refuses history calls that are not of the documented form", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1));
    const [record] = (await all(journal)) as [DeliveryRecord];
    const refused = [
      () => journal.appendOutbox({ ...sending(2), at: -1 }),
      () => journal.appendOutbox({ ...sending(2), epoch: "" }),
      () => journal.noteOutbox("m2", 0, 1, fact("stored")),
      () => journal.noteOutbox("m2", 2, 1, fact("stored")),
      () => journal.noteOutbox("m2", 1, 1, fact("stored", -1)),
      () => journal.noteOutbox("m2", 1, 1, fact("lost" as DeliveryState)),
      () => journal.noteOutbox("m2", 1, 1, fact("stored", 1, { device: "" })),
      () => journal.noteInbox({ ...stream, seq: 0 }, fact("read")),
      () => journal.settleInbox({ ...place(1), sender: "" }, fact("handled")),
      () => journal.noteAttempt(place(0)),
      () => journal.pendingInbox({ limit: 0 }),
      () => journal.deliveries({ limit: 0 }),
      () => journal.deliveries({ id: "no-number" }),
      () => journal.deliveries({ id: "e.0" }),
      () => journal.deliveries({ peer: "" }),
      () => journal.deliveries({ after: 1.5 }),
      () => journal.removeDeliveries([0]),
      () => journal.removeDeliveries(Array.from({ length: maxDeliveries + 1 }, () => 1)),
      () => journal.importHistory([{ ...record, id: "" }]),
      () => journal.importHistory([{ ...record, facts: [] }]),
      () => journal.importHistory([{ ...record, facts: [fact("stored")] }]),
      () => journal.importHistory([{ ...record, direction: "in", facts: [fact("delivered")] }]),
      () => journal.importHistory(Array.from({ length: maxDeliveries + 1 }, () => record)),
    ];
    for (const call of refused) await expectCode(call(), "invalid_argument");
    await journal.removeDeliveries(Array.from({ length: maxDeliveries }, () => 99_999));
    await journal.importHistory(Array.from({ length: maxDeliveries }, () => record));
  });
}
