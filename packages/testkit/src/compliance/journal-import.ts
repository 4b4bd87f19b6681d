import type { DeliveryRecord, Journal } from "@parley/core";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import {
  all,
  envelopeOf,
  fact,
  historyBoundsUnderTest,
  outline,
  place,
  received,
  sending,
  statesOf,
  stream,
} from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { bytesOf, expectCode, textOf } from "./subject.ts";

/** History taken over from another device. */
export function describeImport(bench: Bench<Journal>): void {
  it("takes the history of another device once, and never as pending", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3]) await theirs.appendOutbox(sending(seq, { ttl: 60, more: seq === 1 }));
    await theirs.noteOutbox("m2", 1, 2, fact("delivered", 11, { path: "direct", device: "d9" }), bytesOf("receipt"));
    await theirs.settleOutbox("m2", 2);
    const moved = { envelope: envelopeOf("x", { origin: { epoch: "before", seq: 17 } }), redelivered: true };
    await theirs.commitInbox(stream, 3, [received(1, { path: "relay" }), received(2), received(3, moved)]);
    await theirs.noteAttempt(place(3));
    for (const seq of [1, 3]) await theirs.settleInbox(place(seq), fact("handled", 12));
    await theirs.noteInbox(place(1), fact("read", 13));
    const records = await all(theirs);
    await journal.importHistory(records);
    await journal.importHistory([...records].reverse());
    const known = (list: readonly DeliveryRecord[]): unknown =>
      list.map((each) => ({ ...each, place: 0, pending: false }));
    expect(known(await all(journal))).toEqual(known(records));
    expect((await all(journal)).every(({ pending }) => !pending)).toBe(true);
    const state = await journal.load();
    expect([state.outbox.length, state.inbound.length, state.lastSeq.size]).toEqual([0, 0, 0]);
    expect(await journal.pendingInbox()).toEqual([]);
  });

  it("takes nothing that it has itself", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    await theirs.commitInbox(stream, 3, [received(1), received(2), received(3)]);
    for (const seq of [1, 2]) await theirs.settleInbox(place(seq), fact("handled", 30));
    await journal.commitInbox(stream, 2, [received(1), received(2)]);
    await journal.settleInbox(place(2), fact("refused", 31));
    await journal.importHistory(await all(theirs));
    expect(await outline(journal)).toEqual(["1 delivered pending", "2 refused", "3 delivered"]);
    expect((await journal.pendingInbox()).map(({ seq }) => seq)).toEqual([1]);
  });

  it("receives itself what it was only told of, with nothing but its own facts", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    const told = [1, 2, 3].map((seq) => received(seq, { receivedAt: 3, path: "direct", redelivered: true }));
    await theirs.commitInbox(stream, 3, told);
    await theirs.noteAttempt(place(1));
    await theirs.settleInbox(place(1), fact("handled", 4, { device: "d7" }));
    await theirs.noteInbox(place(1), fact("read", 5));
    await theirs.settleInbox(place(2), fact("dead-lettered", 4));
    const records = (await all(theirs)).map((each) => ({ ...each, receipts: new Map([[each.state, bytesOf("r")]]) }));
    await journal.importHistory(records);
    await journal.noteInbox(place(3), fact("read", 6));
    const before = Math.max(...(await all(journal)).map((record) => record.place));
    const entries = [1, 2, 3, 4].map((seq) => received(seq, { path: "mailbox", envelope: envelopeOf(`own ${seq}`) }));
    expect(await journal.commitInbox(stream, 4, entries)).toEqual([]);
    const pending = await journal.pendingInbox();
    expect(pending.map((entry) => ({ ...entry, place: 0 }))).toEqual(
      entries.map((entry) => ({ ...stream, ...entry, redelivered: false, attempts: 0, place: 0 })),
    );
    const own = await all(journal);
    expect(own.map((record) => record.place)).toEqual(pending.map((entry) => entry.place));
    expect(own.every((record) => record.place > before)).toBe(true);
    expect(own.map(({ facts, receipts }) => [facts, receipts.size])).toEqual(
      entries.map(() => [[fact("delivered", 8, { path: "mailbox" })], 0]),
    );
    expect((await all(journal, { id: "e1.1" })).map(({ body }) => textOf(body))).toEqual(["own 1"]);
    await journal.importHistory(records);
    await journal.settleInbox(place(1), fact("handled", 20));
    expect(await statesOf(journal, 1)).toEqual(["delivered", "handled"]);
    expect(await outline(journal)).toEqual([
      "1 handled",
      "2 delivered pending",
      "3 delivered pending",
      "4 delivered pending",
    ]);
  });

  it("tells what it was only told of from what came to it before, in calls under way together", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 4]) await theirs.commitInbox(stream, seq, [received(seq)]);
    for (const seq of [1, 2, 3]) await theirs.settleInbox(place(seq), fact("handled"));
    const [known] = await Promise.all([
      journal.commitInbox(stream, 2, [received(1), received(2)]),
      journal.settleInbox(place(1), fact("handled")),
      journal.importHistory(await all(theirs)),
      journal.forgetInbound(stream),
    ]);
    expect(known).toEqual([]);
    expect(await journal.commitInbox(stream, 3, [received(1), received(2), received(3)])).toEqual([1, 2]);
    expect(await outline(journal)).toEqual(["1 handled", "2 delivered pending", "4 delivered", "3 delivered pending"]);
    await journal.settleInbox(place(3), fact("refused"));
    await journal.forgetInbound(stream);
    expect(await journal.commitInbox(stream, 4, [received(2), received(3), received(4)])).toEqual([2, 3]);
  });

  it("counts a dead letter that it was told of as received once that was taken up again", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    await theirs.commitInbox(stream, 2, [received(1), received(2)]);
    for (const seq of [1, 2]) await theirs.settleInbox(place(seq), fact("dead-lettered"));
    await journal.importHistory(await all(theirs));
    for (const { place } of await all(journal)) await journal.reopenInbox(place);
    await journal.settleInbox(place(1), fact("refused"));
    expect(await journal.commitInbox(stream, 3, [received(1), received(2), received(3)])).toEqual([1, 2]);
    expect(await outline(journal)).toEqual(["1 refused", "2 delivered pending", "3 delivered pending"]);
  });

  it("keeps what it was told of when the commit that would replace it is refused", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    await theirs.commitInbox(stream, 2, [received(1), received(2)]);
    await theirs.settleInbox(place(1), fact("handled", 12));
    await journal.importHistory(await all(theirs));
    const large = { envelope: envelopeOf(new Uint8Array(limits.envelopeBytes)) };
    const tooMuch = [received(1), ...[3, 4, 5, 6, 7, 8].map((seq) => received(seq, large))];
    await expectCode(journal.commitInbox(stream, 8, tooMuch), "limit_reached");
    expect(await statesOf(journal, 1)).toEqual(["delivered", "handled"]);
    expect((await journal.load()).inbound).toEqual([]);
    expect(await journal.commitInbox(stream, 1, [received(1)])).toEqual([]);
    await expectCode(journal.commitInbox(stream, 1, [received(1)]), "conflict");
    expect(await outline(journal)).toEqual(["2 delivered", "1 delivered pending"]);
  });

  it("counts history right when it receives what it was told of", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    const { maxEntries } = historyBoundsUnderTest;
    const numbers = Array.from({ length: maxEntries }, (_, index) => index + 1);
    for (const seq of numbers) {
      await theirs.commitInbox(stream, seq, [received(seq)]);
      await theirs.settleInbox(place(seq), fact("handled"));
    }
    const records = await all(theirs);
    await journal.importHistory(records);
    for (const some of [numbers.slice(0, maxEntries / 2), numbers.slice(maxEntries / 2)]) {
      const known = await Promise.all(some.map((seq) => journal.commitInbox(stream, seq, [received(seq)])));
      expect(known.flat()).toEqual([]);
      await Promise.all(some.map((seq) => journal.settleInbox(place(seq), fact("handled"))));
    }
    expect((await all(journal)).map(({ seq }) => seq)).toEqual(numbers);
    await journal.importHistory(records.slice(0, 5).map((each) => ({ ...each, id: `o.${each.seq}`, epoch: "o" })));
    const kept = await all(journal);
    expect(kept).toHaveLength(maxEntries);
    expect([kept[0]?.seq, kept.at(-1)?.id]).toEqual([6, "o.5"]);
  });

  it("keeps imported history within its bounds", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal } = await bench.open();
    for (let seq = 1; seq <= 40; seq++) await theirs.commitInbox(stream, seq, [received(seq)]);
    const records = await all(theirs);
    await journal.importHistory(records);
    await journal.importHistory(records.map((each) => ({ ...each, id: `other.${each.seq}`, epoch: "other" })));
    expect(await all(journal)).toHaveLength(historyBoundsUnderTest.maxEntries);
  });
}
