import type { Journal } from "@parley/core";
import { maxFactCharacters, maxReceiptBytes } from "@parley/core";
import type { DeliveryState } from "@parley/protocol";
import { envelopeId, envelopeKinds } from "@parley/protocol";
import { expect, it } from "vitest";

import { all, envelopeOf, epoch, fact, outline, sending, statesOf } from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { bytesOf, expectCode, textOf } from "./subject.ts";

/** What is noted of sent envelopes. */
export function describeSentFacts(bench: Bench<Journal>): void {
  it("knows of each sent envelope what was noted of it", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1, { ttl: 90 }));
    const stored = fact("stored", 11, { path: "mailbox", via: "not connected" });
    const delivered = fact("delivered", 12, { path: "direct", device: "d9" });
    await Promise.all([journal.noteOutbox("m2", 1, 1, stored), journal.noteOutbox("m2", 1, 1, delivered)]);
    const { outbox } = await journal.load();
    expect(outbox.map(({ seq, at, epoch, state }) => ({ seq, at, epoch, state }))).toEqual([
      { seq: 1, at: 7, epoch, state: "delivered" },
    ]);
    await journal.settleOutbox("m2", 1);
    const [record] = await all(journal);
    expect(record).toEqual({
      place: record?.place ?? 0,
      id: envelopeId(epoch, 1),
      direction: "out",
      peer: "m2",
      device: undefined,
      epoch,
      seq: 1,
      kind: envelopeKinds.message,
      created: 5,
      expires: 95,
      bytes: 1,
      pending: false,
      attempts: 0,
      redelivered: false,
      state: "delivered",
      facts: [fact("accepted", 7), stored, delivered],
      receipts: new Map(),
      body: bytesOf("1"),
    });
  });

  it("takes when it was created for when it was accepted, and its own epoch, where nothing else is said", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox({ recipient: "m2", seq: 1, envelope: envelopeOf("x") });
    const state = await journal.load();
    expect(state.outbox.map(({ at, epoch }) => ({ at, epoch }))).toEqual([{ at: 5, epoch: state.epoch }]);
    expect((await all(journal)).map(({ id }) => id)).toEqual([envelopeId(state.epoch, 1)]);
  });

  it("notes a fact for a range of pending and ended ones, and for each of them once", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 5]) await journal.appendOutbox(sending(seq));
    await journal.noteOutbox("m2", 2, 3, fact("stored", 11));
    await journal.settleOutbox("m2", 2);
    await journal.noteOutbox("m2", 1, 99, fact("stored", 12));
    await journal.noteOutbox("nobody", 1, 99, fact("stored", 12));
    const times = (await all(journal)).map(({ seq, facts }) => [seq, facts.at(-1)?.at]);
    expect(times).toEqual([
      [1, 12],
      [2, 11],
      [3, 11],
      [5, 12],
    ]);
    await journal.appendOutbox(sending(6));
    expect(await statesOf(journal, 6)).toEqual(["accepted"]);
  });

  it("keeps out a fact that comes too late, and any after an end", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 4]) await journal.appendOutbox(sending(seq));
    for (const state of ["delivered", "stored", "expired", "handled", "dead-lettered", "read"] as const)
      await journal.noteOutbox("m2", 1, 1, fact(state));
    await journal.noteOutbox("m2", 2, 2, fact("expired"));
    for (const state of ["stored", "refused", "handled"] as const) await journal.noteOutbox("m2", 1, 3, fact(state));
    await journal.noteOutbox("m2", 1, 4, fact("delivered"));
    expect(await statesOf(journal, 1)).toEqual(["accepted", "delivered", "handled", "read"]);
    expect(await statesOf(journal, 2)).toEqual(["accepted", "expired"]);
    expect(await statesOf(journal, 3)).toEqual(["accepted", "stored", "refused"]);
    expect(await statesOf(journal, 4)).toEqual(["accepted", "delivered"]);
  });

  it("keeps the newest receipt of a state, and the fact as it was first noted", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 4]) await journal.appendOutbox(sending(seq));
    const note = (from: number, to: number, state: DeliveryState, at: number, receipt?: string): Promise<void> =>
      journal.noteOutbox("m2", from, to, fact(state, at), receipt === undefined ? undefined : bytesOf(receipt));
    await note(1, 3, "delivered", 11);
    await note(2, 4, "delivered", 12, "first");
    await note(3, 3, "delivered", 13, "second");
    await note(3, 3, "stored", 14, "too late");
    await note(1, 4, "handled", 15, "handled");
    const known = (await all(journal)).map(({ facts, receipts }) => [
      facts[1]?.at,
      textOf(receipts.get("delivered")) ?? "",
      textOf(receipts.get("stored")) ?? "",
      textOf(receipts.get("handled")) ?? "",
    ]);
    expect(known).toEqual([
      [11, "", "", "handled"],
      [11, "first", "", "handled"],
      [11, "second", "", "handled"],
      [12, "first", "", "handled"],
    ]);
  });

  it("cuts the texts of a fact and takes a receipt at the limit, none above it", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1));
    const long = "x".repeat(maxFactCharacters);
    const refused = fact("refused", 3, { code: "too_large", reason: `${long}y`, via: `${long}y` });
    await journal.noteOutbox("m2", 1, 1, refused, new Uint8Array(maxReceiptBytes));
    const above = new Uint8Array(maxReceiptBytes + 1);
    await expectCode(journal.noteOutbox("m2", 1, 1, refused, above), "too_large");
    const [record] = await all(journal);
    expect(record?.facts.at(-1)).toEqual({ ...refused, reason: long, via: long });
    expect(record?.receipts.get("refused")).toHaveLength(maxReceiptBytes);
  });
}

/** What is remembered of sent envelopes. */
export function describeSentHistory(bench: Bench<Journal>): void {
  it("remembers what was dropped with its end, noted before or after, and nothing that was withdrawn", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 4]) await journal.appendOutbox(sending(seq));
    await journal.noteOutbox("m2", 1, 1, fact("expired"));
    await Promise.all([1, 2, 3].map((seq) => journal.dropOutbox("m2", seq)));
    await journal.noteOutbox("m2", 2, 2, fact("refused"));
    expect(await outline(journal)).toEqual(["1 expired", "2 refused", "4 accepted pending"]);
    expect((await journal.load()).outbox.map(({ seq }) => seq)).toEqual([4]);
  });

  it("shows a body of several envelopes as one, and settles it whole", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1));
    const parts = [2, 3, 4].map((seq) => sending(seq, { more: seq < 4, body: bytesOf(`part ${seq},`) }));
    await Promise.all(parts.map((part) => journal.appendOutbox(part)));
    await journal.settleOutbox("m2", 3);
    expect((await journal.load()).outbox.map(({ seq }) => seq)).toEqual([2, 3, 4]);
    await journal.noteOutbox("m2", 2, 4, fact("delivered"));
    expect(await outline(journal)).toEqual(["1 accepted", "4 delivered pending"]);
    await journal.settleOutbox("m2", 4);
    const [, whole] = await all(journal);
    expect([textOf(whole?.body), whole?.bytes, whole?.pending]).toEqual(["part 2,part 3,part 4,", 21, false]);
  });

  it("does not show voids", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1, { kind: envelopeKinds.void }));
    await journal.appendOutbox(sending(2));
    expect(await outline(journal)).toEqual(["2 accepted pending"]);
  });

  it("keeps ids and facts of what moves to a new epoch, and history under the old one", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3, 4]) await journal.appendOutbox(sending(seq));
    await journal.noteOutbox("m2", 1, 3, fact("stored", 11), bytesOf("receipt"));
    await journal.noteOutbox("m2", 1, 1, fact("delivered", 12));
    await journal.settleOutbox("m2", 1);
    const now = await journal.newEpoch();
    const kept = (await all(journal)).map(({ id, epoch, seq, facts, receipts }) => [
      id,
      epoch,
      seq,
      facts.map(({ state }) => state).join(),
      textOf(receipts.get("stored")) ?? "",
    ]);
    expect(kept).toEqual([
      [envelopeId(epoch, 1), epoch, 1, "accepted,stored,delivered", "receipt"],
      [envelopeId(epoch, 2), now, 1, "accepted,stored", "receipt"],
      [envelopeId(epoch, 3), now, 2, "accepted,stored", "receipt"],
      [envelopeId(epoch, 4), now, 3, "accepted", ""],
    ]);
    await journal.noteOutbox("m2", 1, 3, fact("delivered", 13));
    await journal.settleOutbox("m2", 2);
    expect((await journal.load()).outbox.map(({ seq, state }) => `${seq} ${state}`)).toEqual(["3 delivered"]);
    await journal.appendOutbox({ ...sending(4), epoch: "another" });
    expect((await all(journal, { id: "another.4" })).map(({ state }) => state)).toEqual(["accepted"]);
  });
}
