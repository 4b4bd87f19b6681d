/**
 * Sends, is told of, receives and ends without end, many at a time, in a journal that keeps little history, so that every commit removes
 * some. Reports on its standard output what ended, one number a line.
 */
import { writeSync } from "node:fs";

import type { DeliveryRecord } from "@parley/core";
import { openSqliteJournal } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";

import { history, inFlight, toldAt } from "./trimmed-history.ts";

const journal = openSqliteJournal({ dir: process.argv[2] ?? "", history });
let next = 1;

const toldOf = (number: number, body: Uint8Array): DeliveryRecord => ({
  place: number,
  id: `e${number}.${number}`,
  direction: "in",
  peer: "m1",
  device: `d${number % 100}`,
  epoch: `e${number}`,
  seq: number,
  kind: 4,
  created: 0,
  expires: undefined,
  bytes: body.length,
  pending: false,
  attempts: 0,
  redelivered: false,
  state: "handled",
  facts: [
    { state: "delivered", at: toldAt },
    { state: "handled", at: toldAt },
  ],
  receipts: new Map(),
  body,
});

async function write(): Promise<void> {
  for (;;) {
    const number = next++;
    const body = new Uint8Array(300);
    new DataView(body.buffer).setUint32(0, number);
    const envelope = testEnvelope(body);
    const stream = { sender: "m1", device: `d${number % 100}`, epoch: `e${number}` };
    await Promise.all([
      journal.appendOutbox({ recipient: `m${number % 50}|${number}`, seq: number, envelope }),
      journal.importHistory([toldOf(number, body)]),
    ]);
    await Promise.all([
      journal.noteOutbox(`m${number % 50}|${number}`, number, number, { state: "delivered", at: number }),
      journal.commitInbox(stream, number, [{ seq: number, receivedAt: number, envelope }]),
    ]);
    await Promise.all([
      journal.settleOutbox(`m${number % 50}|${number}`, number),
      journal.settleInbox({ ...stream, seq: number }, { state: "handled", at: number }),
    ]);
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: inFlight }, write));
