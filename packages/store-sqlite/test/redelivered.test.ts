import type { ReceivedEntry } from "@parley/core";
import { openSqliteJournal } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { makeFolder } from "./folder.ts";

const envelope = testEnvelope('{"text":"hello"}');
const stream = { sender: "sender", device: "device", epoch: "A".repeat(22) };
const received = (seq: number): ReceivedEntry => ({ seq, receivedAt: 1, envelope });

describe("what an earlier life of the process left in its inbox", () => {
  it("is flagged as redelivered, and what comes in this life is not", async () => {
    const folder = await makeFolder();
    const before = openSqliteJournal({ dir: folder.path });
    await before.commitInbox(stream, 2, [received(1), received(2)]);
    await before.settleInbox({ ...stream, seq: 1 }, { state: "handled", at: 2 });
    await before.close();

    const journal = openSqliteJournal({ dir: folder.path });
    await journal.commitInbox(stream, 3, [received(3)]);
    const pending = await journal.pendingInbox();
    expect(pending.map(({ seq, redelivered }) => [seq, redelivered])).toEqual([
      [2, true],
      [3, false],
    ]);
    await journal.close();
    await folder.remove();
  });
});
