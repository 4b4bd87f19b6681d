import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { DeliveryRecord } from "@parley/core";
import { openSqliteJournal } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";
import { afterEach, describe, expect, it } from "vitest";

import { makeFolder } from "./folder.ts";

const folders: { remove(): Promise<void> }[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await folder.remove();
});

/** What the first version of a journal's file was made with. */
const firstSchema = `
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE recipient (id TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE outbox (place INTEGER PRIMARY KEY, recipient TEXT NOT NULL, seq INTEGER NOT NULL,
    kind INTEGER NOT NULL, flags INTEGER NOT NULL, created INTEGER NOT NULL, ttl INTEGER NOT NULL, hops INTEGER NOT NULL,
    trace BLOB, origin_epoch TEXT, origin_seq INTEGER, body BLOB NOT NULL);
  CREATE UNIQUE INDEX outbox_by_recipient ON outbox (recipient, seq);
  CREATE TABLE inbound (
    id INTEGER PRIMARY KEY, sender TEXT NOT NULL, device TEXT NOT NULL, epoch TEXT NOT NULL,
    seq INTEGER NOT NULL, touched INTEGER NOT NULL, UNIQUE (sender, device, epoch)
  );
  CREATE TABLE inbox (place INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL, received_at INTEGER NOT NULL,
    kind INTEGER NOT NULL, flags INTEGER NOT NULL, created INTEGER NOT NULL, ttl INTEGER NOT NULL, hops INTEGER NOT NULL,
    trace BLOB, origin_epoch TEXT, origin_seq INTEGER, body BLOB NOT NULL);
  CREATE UNIQUE INDEX inbox_by_stream ON inbox (stream, seq);
  CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL);
  PRAGMA application_id = 1348563562;
  PRAGMA user_version = 1;
`;

const contents = `
  INSERT INTO setting VALUES ('epoch', 'first-epoch');
  INSERT INTO recipient VALUES ('m2', 7), ('m3', 4);
  INSERT INTO outbox VALUES
    (5, 'm2', 4, 4, 1, 100, 60000, 2, NULL, 'before', 9, x'61'),
    (7, 'm2', 5, 4, 2, 101, 0, 0, NULL, NULL, NULL, x'62'),
    (8, 'm2', 6, 4, 0, 101, 0, 0, NULL, NULL, NULL, x'63');
  INSERT INTO inbound VALUES (3, 'm1', 'd1', 'e1', 12, 2), (4, 'm1', 'd1', 'e0', 0, 1), (5, 'm4', 'd4', 'e4', 1, 3);
  INSERT INTO inbox VALUES
    (2, 4, 8, 50, 4, 0, 40, 0, 0, NULL, NULL, NULL, x'64'),
    (6, 3, 12, 60, 4, 0, 41, 0, 0, NULL, NULL, NULL, x'65');
  INSERT INTO state VALUES ('k', x'01');
`;

async function oldJournal(): Promise<string> {
  const folder = await makeFolder();
  folders.push(folder);
  const raw = new DatabaseSync(path.join(folder.path, "journal.db"));
  raw.exec(`PRAGMA journal_mode = WAL; ${firstSchema} ${contents}`);
  raw.close();
  return folder.path;
}

describe("a journal's file of the first version", () => {
  it("is opened with everything in it, which then ends as anything else", async () => {
    const dir = await oldJournal();
    const journal = openSqliteJournal({ dir });
    const state = await journal.load();
    expect(state.epoch).toBe("first-epoch");
    expect(state.outbox.map(({ recipient, seq, at, epoch, state }) => ({ recipient, seq, at, epoch, state }))).toEqual([
      { recipient: "m2", seq: 4, at: 100, epoch: "first-epoch", state: "accepted" },
      { recipient: "m2", seq: 5, at: 101, epoch: "first-epoch", state: "accepted" },
      { recipient: "m2", seq: 6, at: 101, epoch: "first-epoch", state: "accepted" },
    ]);
    expect(state.outbox[0]?.envelope).toMatchObject({ critical: true, ttl: 60_000, hops: 2 });
    expect(state.outbox[0]?.envelope.origin).toEqual({ epoch: "before", seq: 9 });
    expect(state.lastSeq).toEqual(
      new Map([
        ["m2", 7],
        ["m3", 4],
      ]),
    );
    expect(state.inbound).toEqual([
      { sender: "m1", device: "d1", epoch: "e1", seq: 12 },
      { sender: "m4", device: "d4", epoch: "e4", seq: 1 },
    ]);
    const pending = await journal.pendingInbox();
    expect(pending.map(({ epoch, seq, receivedAt, redelivered }) => ({ epoch, seq, receivedAt, redelivered }))).toEqual(
      [
        { epoch: "e0", seq: 8, receivedAt: 50, redelivered: true },
        { epoch: "e1", seq: 12, receivedAt: 60, redelivered: true },
      ],
    );
    expect(await journal.getState("k")).toEqual(new Uint8Array([1]));

    await journal.noteOutbox("m2", 1, 7, { state: "delivered", at: 200 });
    await journal.settleOutbox("m2", 7);
    await journal.settleInbox({ sender: "m1", device: "d1", epoch: "e0", seq: 8 }, { state: "handled", at: 201 });
    const { records } = await journal.deliveries();
    expect(records.map(({ id, state, pending, body }) => [id, state, pending, String.fromCodePoint(...body)])).toEqual([
      ["e0.8", "handled", false, "d"],
      ["before.9", "delivered", false, "a"],
      ["e1.12", "delivered", true, "e"],
      ["first-epoch.6", "delivered", false, "bc"],
    ]);
    await journal.appendOutbox({
      recipient: "m3",
      seq: 5,
      envelope: { ...(state.outbox[0]?.envelope ?? never()), origin: undefined },
    });
    await journal.close();
    const again = openSqliteJournal({ dir });
    expect((await again.load()).outbox.map(({ recipient, seq }) => `${recipient} ${seq}`)).toEqual(["m3 5"]);
    expect((await again.deliveries()).records).toHaveLength(5);
    await again.close();
  });
});

describe("a journal's file of the second version", () => {
  it("tells what was imported, which may still be received, from what came before", async () => {
    const folder = await makeFolder();
    folders.push(folder);
    const journal = openSqliteJournal({ dir: folder.path });
    const stream = { sender: "m1", device: "d1", epoch: "e1" };
    const envelope = testEnvelope(new Uint8Array(1));
    const received = (seq: number) => ({ seq, receivedAt: 9, envelope });
    const told = (direction: "in" | "out", seq: number): DeliveryRecord => ({
      place: seq,
      id: `e1.${seq}`,
      direction,
      peer: "m1",
      device: direction === "in" ? "d1" : undefined,
      epoch: "e1",
      seq,
      kind: 4,
      created: 0,
      expires: undefined,
      bytes: 1,
      pending: false,
      attempts: 0,
      redelivered: false,
      state: "handled",
      facts: [
        { state: direction === "in" ? "delivered" : "accepted", at: 1 },
        { state: "handled", at: 2 },
      ],
      receipts: new Map(),
      body: new Uint8Array(1),
    });
    await journal.commitInbox(stream, 1, [received(1)]);
    await journal.settleInbox({ ...stream, seq: 1 }, { state: "refused", at: 3 });
    await journal.importHistory([told("in", 2), told("out", 7)]);
    await journal.forgetInbound(stream);
    await journal.close();
    const raw = new DatabaseSync(path.join(folder.path, "journal.db"));
    raw.exec("UPDATE entry SET outcome = 2 WHERE outcome = 4; PRAGMA user_version = 2");
    raw.close();

    const again = openSqliteJournal({ dir: folder.path });
    expect(await again.commitInbox(stream, 3, [1, 2, 3].map(received))).toEqual([1]);
    const { records } = await again.deliveries();
    expect(records.map(({ direction, seq, state, pending }) => [direction, seq, state, pending])).toEqual([
      ["in", 1, "refused", false],
      ["out", 7, "handled", false],
      ["in", 2, "delivered", true],
      ["in", 3, "delivered", true],
    ]);
    await again.close();
    const after = new DatabaseSync(path.join(folder.path, "journal.db"));
    const outcomes = after.prepare("SELECT outgoing, outcome FROM entry ORDER BY place").all();
    expect(outcomes.map((row) => Object.values(row))).toEqual([
      [0, 2],
      [1, 4],
      [0, 0],
      [0, 0],
    ]);
    after.close();
  });
});

function never(): never {
  throw new Error("the outbox is empty");
}
