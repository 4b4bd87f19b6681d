/**
 * Writes to a registry's log and a journal without end, many at a time, and reports on its standard output what was acknowledged, one
 * number a line, by a write that is complete before the next append is made.
 */
import { writeSync } from "node:fs";

import { systemClock } from "@parley/core";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";

const inFlight = 64;
const dir = process.argv[2] ?? "";
const stores = openSqliteStores({ dir, clock: systemClock });
const journal = openSqliteJournal({ dir, outbox: { maxEntries: 10_000_000, maxBytes: 1_000_000_000 } });
let next = 1;

async function write(): Promise<void> {
  for (;;) {
    const number = next++;
    const body = new Uint8Array(300);
    new DataView(body.buffer).setUint32(0, number);
    await Promise.all([
      stores.log.append("mail/x", body, { dedupeKey: `id-${number}` }),
      journal.appendOutbox({
        recipient: "m2",
        seq: number,
        envelope: {
          kind: 4,
          critical: false,
          more: false,
          created: 0,
          ttl: 0,
          hops: 0,
          trace: undefined,
          origin: undefined,
          body,
        },
      }),
    ]);
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: inFlight }, write));
