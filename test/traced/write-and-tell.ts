/** Accepts, commits and stores one thing after the other, and says each time when that was done. Argument: a folder. */
import { writeSync } from "node:fs";
import { join } from "node:path";

import { systemClock } from "@parley/core";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";

const [dir = "", rounds = "10"] = process.argv.slice(2);
const envelope = testEnvelope('{"text":"hello"}');
const stream = { sender: "sender", device: "device", epoch: "A".repeat(22) };
const say = (what: string): void => void writeSync(1, `done: ${what}\n`);

const journal = openSqliteJournal({ dir: join(dir, "device") });
const stores = openSqliteStores({ dir: join(dir, "registry"), clock: systemClock });
for (let seq = 1; seq <= Number(rounds); seq++) {
  say("nothing");
  await journal.appendOutbox({ recipient: "recipient", seq, envelope });
  say("accepted");
  await journal.commitInbox(stream, seq, [{ seq, receivedAt: 1, envelope }]);
  say("committed");
  await stores.log.append("mail/recipient", envelope.body, { dedupeKey: `key ${seq}` });
  say("stored");
}
await journal.close();
await stores.close();
