/**
 * Writes to a registry's log and a journal without end, many at a time, and reports on its standard output what was acknowledged, one
 * number a line, by a write that is complete before the next append is made. Of every three numbers the first is also delivered and settled in the
 * journal, and the second received and handled, before it is reported.
 */
import { writeSync } from "node:fs";

import { systemClock } from "@parley/core";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";

const inFlight = 64;
const dir = process.argv[2] ?? "";
const stores = openSqliteStores({ dir, clock: systemClock });
const journal = openSqliteJournal({ dir, outbox: { maxEntries: 10_000_000, maxBytes: 1_000_000_000 } });
const stream = (number: number) => ({ sender: "m1", device: `d${number % 100}`, epoch: `e${number}` });
let next = 1;

async function write(): Promise<void> {
  for (;;) {
    const number = next++;
    const body = new Uint8Array(300);
    new DataView(body.buffer).setUint32(0, number);
    const envelope = testEnvelope(body);
    await Promise.all([
      stores.log.append("mail/x", body, { dedupeKey: `id-${number}` }),
      journal.appendOutbox({ recipient: `m${number}`, seq: number, envelope }),
    ]);
    if (number % 3 === 1) {
      await journal.noteOutbox(`m${number}`, number, number, { state: "delivered", at: number, device: "d9" });
      await journal.settleOutbox(`m${number}`, number);
    }
    if (number % 3 === 2) {
      await journal.commitInbox(stream(number), number, [{ seq: number, receivedAt: number, envelope }]);
      await journal.settleInbox({ ...stream(number), seq: number }, { state: "handled", at: number });
    }
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: inFlight }, write));
