import type {
  DeliveryFact,
  DeliveryQuery,
  DeliveryRecord,
  InboundPlace,
  InboundStreamId,
  Journal,
  NewOutboxEntry,
  ReceivedEntry,
} from "@parley/core";
import { maxDeliveries, maxFactCharacters, maxReceiptBytes, openMemoryJournal } from "@parley/core";
import type { DeliveryState, Envelope } from "@parley/protocol";
import { envelopeId, envelopeKinds, limits } from "@parley/protocol";
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { expect, it } from "vitest";

import type { Bench } from "./subject.ts";
import { bytesOf, expectCode, textOf } from "./subject.ts";

/** Bounds of the history that the suite's subjects are to be opened with. */
export const historyBoundsUnderTest = { maxEntries: 60, maxBytes: 3 * limits.envelopeBytes };

const epoch = "epoch-of-this-device";
const stream: InboundStreamId = { sender: "m1", device: "d1", epoch: "e1" };
const place = (seq: number): InboundPlace => ({ ...stream, seq });
const fact = (state: DeliveryState, at = 10, rest: Partial<DeliveryFact> = {}): DeliveryFact => ({
  state,
  at,
  ...rest,
});

const envelopeOf = (body: string | Uint8Array, changes: Partial<Envelope> = {}): Envelope => ({
  kind: envelopeKinds.message,
  critical: false,
  more: false,
  created: 5,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: typeof body === "string" ? bytesOf(body) : body,
  ...changes,
});

const sending = (seq: number, changes: Partial<Envelope> = {}, recipient = "m2"): NewOutboxEntry => ({
  recipient,
  seq,
  at: 7,
  epoch,
  envelope: envelopeOf(`${seq}`, changes),
});

const received = (seq: number, changes: Partial<ReceivedEntry> = {}): ReceivedEntry => ({
  seq,
  receivedAt: 8,
  envelope: envelopeOf(`${seq}`),
  ...changes,
});

async function all(journal: Journal, query: DeliveryQuery = {}): Promise<readonly DeliveryRecord[]> {
  return (await journal.deliveries({ limit: maxDeliveries, ...query })).records;
}

/** Number, newest state and whether it is pending, of each record. */
async function outline(journal: Journal, query: DeliveryQuery = {}): Promise<readonly string[]> {
  return (await all(journal, query)).map(({ seq, state, pending }) => `${seq} ${state}${pending ? " pending" : ""}`);
}

async function statesOf(journal: Journal, seq: number): Promise<readonly DeliveryState[]> {
  const found = (await all(journal)).find((each) => each.seq === seq);
  return (found?.facts ?? []).map(({ state }) => state);
}

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

function describeSentFacts(bench: Bench<Journal>): void {
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

function describeSentHistory(bench: Bench<Journal>): void {
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

function describeReceivedHistory(bench: Bench<Journal>): void {
  it("remembers how each received envelope ended, and what was noted later", async () => {
    const { port: journal } = await bench.open();
    const entries = [received(1, { path: "direct" }), received(2), received(3), received(4)];
    expect(await journal.commitInbox(stream, 4, entries)).toEqual([]);
    await journal.settleInbox(place(1), fact("handled", 20));
    await journal.settleInbox(place(1), fact("refused", 21));
    await journal.settleInbox(place(2), fact("refused", 22, { code: "unsupported_kind", reason: "not known" }));
    await journal.settleInbox(place(3), fact("dead-lettered", 23));
    await journal.noteInbox(place(1), fact("read", 30));
    await journal.noteInbox(place(1), fact("read", 31));
    await journal.noteInbox(place(2), fact("read", 32));
    await journal.noteInbox(place(9), fact("read", 33));
    const records = await all(journal);
    expect(records.map(({ facts }) => facts)).toEqual([
      [fact("delivered", 8, { path: "direct" }), fact("handled", 20), fact("read", 30)],
      [fact("delivered", 8), fact("refused", 22, { code: "unsupported_kind", reason: "not known" })],
      [fact("delivered", 8), fact("dead-lettered", 23)],
      [fact("delivered", 8)],
    ]);
    expect(records.map(({ pending }) => pending)).toEqual([false, false, false, true]);
    expect(records[0]).toEqual({
      place: records[0]?.place ?? 0,
      id: "e1.1",
      direction: "in",
      peer: "m1",
      device: "d1",
      epoch: "e1",
      seq: 1,
      kind: envelopeKinds.message,
      created: 5,
      expires: undefined,
      bytes: 1,
      pending: false,
      attempts: 0,
      redelivered: false,
      state: "read",
      facts: records[0]?.facts ?? [],
      receipts: new Map(),
      body: bytesOf("1"),
    });
  });

  it("keeps what was noted while it was pending", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream, 2, [received(1), received(2)]);
    await journal.noteInbox(place(1), fact("handled", 20, { device: "d7" }));
    await journal.settleInbox(place(1), fact("handled", 21));
    await journal.noteInbox(place(2), fact("read", 22));
    await journal.settleInbox(place(2), fact("handled", 23));
    expect((await all(journal)).map(({ facts }) => facts.slice(1))).toEqual([
      [fact("handled", 20, { device: "d7" })],
      [fact("read", 22)],
    ]);
    expect(await journal.pendingInbox()).toEqual([]);
  });

  it("says which numbers were there already, pending or ended", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream, 3, [received(1), received(2), received(3)]);
    await journal.settleInbox(place(1), fact("handled"));
    await journal.forgetInbound(stream);
    expect(await journal.commitInbox(stream, 4, [received(1), received(3), received(4)])).toEqual([1, 3]);
    expect((await journal.pendingInbox()).map(({ seq }) => seq)).toEqual([2, 3, 4]);
    expect(await outline(journal)).toEqual([
      "1 handled",
      "2 delivered pending",
      "3 delivered pending",
      "4 delivered pending",
    ]);
  });

  it("counts attempts, and flags what was flagged or tried", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream, 2, [received(1, { redelivered: true, path: "mailbox" }), received(2)]);
    expect(await journal.noteAttempt(place(2))).toBe(1);
    expect(await journal.noteAttempt(place(2))).toBe(2);
    expect(await journal.noteAttempt(place(9))).toBe(0);
    const pending = await journal.pendingInbox();
    expect(pending.map(({ attempts, redelivered, path }) => ({ attempts, redelivered, path }))).toEqual([
      { attempts: 0, redelivered: true, path: "mailbox" },
      { attempts: 2, redelivered: true, path: undefined },
    ]);
    await journal.settleInbox(place(2), fact("handled"));
    expect(await journal.noteAttempt(place(2))).toBe(0);
    expect((await all(journal)).map(({ attempts, redelivered }) => [attempts, redelivered])).toEqual([
      [0, true],
      [2, true],
    ]);
  });

  it("takes a dead letter up again, in its place", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream, 3, [received(1), received(2), received(3)]);
    await journal.noteAttempt(place(1));
    await journal.settleInbox(place(1), fact("dead-lettered"));
    await journal.settleInbox(place(2), fact("handled"));
    const [dead, handled, waiting] = await all(journal);
    const again = await journal.reopenInbox(dead?.place ?? 0);
    expect([again.seq, again.attempts, again.redelivered, textOf(again.envelope.body)]).toEqual([1, 0, true, "1"]);
    expect((await journal.pendingInbox()).map(({ seq, place }) => [seq, place])).toEqual([
      [1, dead?.place],
      [3, waiting?.place],
    ]);
    expect(await outline(journal)).toEqual(["1 delivered pending", "2 handled", "3 delivered pending"]);
    for (const other of [dead, handled, waiting]) await expectCode(journal.reopenInbox(other?.place ?? 0), "not_found");
    await expectCode(journal.reopenInbox(99_999), "not_found");
    await journal.settleInbox(place(1), fact("handled", 40));
    expect(await statesOf(journal, 1)).toEqual(["delivered", "handled"]);
  });
}

function describePendingPages(bench: Bench<Journal>): void {
  it("gives what is pending in pages, of all or of one sender", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox({ ...stream, sender: "m9" }, 1, [received(1)]);
    for (const seq of [1, 2, 3, 4, 5]) await journal.commitInbox(stream, seq, [received(seq)]);
    await journal.commitInbox({ ...stream, sender: "m0" }, 1, [received(1)]);
    await journal.settleInbox(place(2), fact("handled"));
    expect(await journal.pendingSenders()).toEqual(["m9", "m1", "m0"]);
    const seen: string[] = [];
    for (let after = 0; ;) {
      const page = await journal.pendingInbox({ after, limit: 2 });
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(2);
      seen.push(...page.map(({ sender, seq }) => `${sender} ${seq}`));
      after = page.at(-1)?.place ?? 0;
    }
    expect(seen).toEqual(["m9 1", "m1 1", "m1 3", "m1 4", "m1 5", "m0 1"]);
    const [first] = await journal.pendingInbox({ sender: "m1", limit: 1 });
    const rest = await journal.pendingInbox({ sender: "m1", after: first?.place ?? 0 });
    expect(rest.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(await journal.pendingInbox({ sender: "nobody" })).toEqual([]);
    for (const sender of ["m9", "m0"]) await journal.settleInbox({ ...stream, sender, seq: 1 }, fact("handled"));
    expect(await journal.pendingSenders()).toEqual(["m1"]);
  });
}

function describeQueries(bench: Bench<Journal>): void {
  it("finds records by id, also by the id of an earlier epoch", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1));
    await journal.appendOutbox(sending(2, { origin: { epoch: "before", seq: 17 } }));
    await journal.commitInbox({ ...stream, epoch }, 1, [received(1)]);
    const moved = { envelope: envelopeOf("x", { origin: { epoch: "before", seq: 17 } }) };
    await journal.commitInbox(stream, 1, [received(1, moved)]);
    const find = async (id: string, rest: DeliveryQuery = {}): Promise<readonly string[]> =>
      (await all(journal, { id, ...rest })).map(({ direction, seq }) => `${direction} ${seq}`);
    expect(await find(envelopeId(epoch, 1))).toEqual(["out 1", "in 1"]);
    expect(await find(envelopeId(epoch, 1), { direction: "in" })).toEqual(["in 1"]);
    expect(await find("before.17")).toEqual(["out 2", "in 1"]);
    expect(await find("before.17", { newestFirst: true })).toEqual(["in 1", "out 2"]);
    expect(await find(envelopeId(epoch, 2))).toEqual([]);
    expect(await find("e1.1")).toEqual([]);
    expect(await find("never.1")).toEqual([]);
  });

  it("finds records by part of an epoch and a number", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1));
    await journal.appendOutbox(sending(2, { origin: { epoch: "before", seq: 17 } }));
    await journal.commitInbox({ ...stream, epoch: "on-my-way" }, 1, [received(1)]);
    const find = async (idLike: string, rest: DeliveryQuery = {}): Promise<readonly string[]> =>
      (await all(journal, { idLike, ...rest })).map(({ direction, id }) => `${direction} ${id}`);
    const [sent, came] = [`out ${envelopeId(epoch, 1)}`, "in on-my-way.1"];
    expect(await find("epoch.1")).toEqual([sent]);
    expect(await find("o.1")).toEqual([sent, came]);
    expect(await find("o.1", { newestFirst: true, limit: 1 })).toEqual([came]);
    expect(await find("o.1", { direction: "out" })).toEqual([sent]);
    expect(await find("for.17")).toEqual(["out before.17"]);
    for (const like of ["epoch.17", "epoch.2", "Epoch.1", "x.1"]) expect(await find(like)).toEqual([]);
    for (const like of ["", "1", ".1", "epoch.", "epoch.0", "epoch.x"])
      await expectCode(journal.deliveries({ idLike: like }), "invalid_argument");
  });

  it("finds records by peer, whatever rule they were sent under, direction, state and what is pending", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1, {}, "m1"));
    await journal.appendOutbox({ ...sending(1, {}, "m1|direct"), epoch: "ruled" });
    await journal.appendOutbox(sending(1, {}, "m10"));
    await journal.commitInbox(stream, 2, [received(1), received(2)]);
    await journal.settleInbox(place(1), fact("handled"));
    await journal.noteOutbox("m1|direct", 1, 1, fact("delivered"));
    await journal.settleOutbox("m1|direct", 1);
    const find = async (query: DeliveryQuery): Promise<readonly string[]> =>
      (await all(journal, query)).map(({ direction, peer, id }) => `${direction} ${peer} ${id}`);
    const [plain, ruled, other] = [`out m1 ${epoch}.1`, "out m1 ruled.1", `out m10 ${epoch}.1`];
    expect(await find({})).toEqual([plain, ruled, other, "in m1 e1.1", "in m1 e1.2"]);
    expect(await find({ peer: "m1" })).toEqual([plain, ruled, "in m1 e1.1", "in m1 e1.2"]);
    expect(await find({ peer: "m1", direction: "out" })).toEqual([plain, ruled]);
    expect(await find({ states: ["delivered", "handled"] })).toEqual([ruled, "in m1 e1.1", "in m1 e1.2"]);
    expect(await find({ states: ["delivered"], pendingOnly: true })).toEqual(["in m1 e1.2"]);
    expect(await find({ states: [] })).toEqual([]);
    expect(await find({ pendingOnly: true, newestFirst: true })).toEqual(["in m1 e1.2", other, plain]);
    const [found] = await all(journal, { id: "ruled.1" });
    expect([found?.epoch, found?.state]).toEqual(["ruled", "delivered"]);
  });

  it("gives records in pages, oldest or newest first", async () => {
    const { port: journal } = await bench.open();
    for (let seq = 1; seq <= 7; seq++) await journal.appendOutbox(sending(seq));
    for (const newestFirst of [false, true]) {
      const pages: (readonly number[])[] = [];
      for (let after: number | undefined; ;) {
        const query = { limit: 3, newestFirst, ...(after === undefined ? {} : { after }) };
        const { records, next } = await journal.deliveries(query);
        pages.push(records.map(({ seq }) => seq));
        if (next === undefined) break;
        after = next;
      }
      const wanted = newestFirst ? [[7, 6, 5], [4, 3, 2], [1]] : [[1, 2, 3], [4, 5, 6], [7]];
      expect(pages).toEqual(wanted);
    }
    expect((await journal.deliveries({ limit: 7 })).next).toBeUndefined();
  });
}

function describeBounds(bench: Bench<Journal>): void {
  const { maxEntries } = historyBoundsUnderTest;

  it("forgets the oldest of both directions beyond so many, and nothing that is pending", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1, {}, "waits"));
    let next = 1;
    const sendAndSettle = async (count: number): Promise<void> => {
      const upTo = next + count - 1;
      const appends: Promise<void>[] = [];
      for (; next <= upTo; next++) appends.push(journal.appendOutbox(sending(next)));
      await Promise.all(appends);
      await journal.noteOutbox("m2", upTo - count + 1, upTo, fact("delivered"));
      await journal.settleOutbox("m2", upTo);
    };
    await sendAndSettle(maxEntries / 2);
    await journal.commitInbox(stream, 2, [received(1), received(2)]);
    await journal.settleInbox(place(1), fact("handled"));
    await sendAndSettle(maxEntries / 2 - 1);
    expect(await outline(journal, { states: ["delivered", "handled"], pendingOnly: false, limit: 1 })).toEqual([
      "1 delivered",
    ]);
    expect(await all(journal)).toHaveLength(maxEntries + 2);
    await sendAndSettle(10);
    const kept = await all(journal);
    expect(kept).toHaveLength(maxEntries + 2);
    expect(kept.slice(0, 2).map(({ peer, seq }) => `${peer} ${seq}`)).toEqual(["waits 1", "m2 11"]);
    await sendAndSettle(maxEntries / 2);
    expect((await all(journal, { direction: "in" })).map(({ seq }) => seq)).toEqual([2]);
    await journal.settleOutbox("waits", 1);
    expect((await all(journal, { peer: "waits" })).length).toBe(0);
  });

  it("forgets the oldest beyond so many bytes, whole bodies", async () => {
    const { port: journal } = await bench.open();
    const half = new Uint8Array(limits.envelopeBytes / 2);
    for (let seq = 1; seq <= 8; seq += 2) {
      await journal.appendOutbox(sending(seq, { more: true, body: half }));
      await journal.appendOutbox(sending(seq + 1, { body: half }));
      await journal.settleOutbox("m2", seq + 1);
    }
    expect((await all(journal)).map(({ seq, bytes }) => [seq, bytes])).toEqual(
      [4, 6, 8].map((seq) => [seq, limits.envelopeBytes]),
    );
    await journal.appendOutbox(sending(9));
    await journal.settleOutbox("m2", 9);
    expect((await all(journal)).map(({ seq }) => seq)).toEqual([6, 8, 9]);
  });

  it("does not count history against outbox and inbox", async () => {
    const { port: journal } = await bench.open();
    const numbers = Array.from({ length: 120 }, (_, index) => index + 1);
    const calls = numbers.flatMap((seq) => [
      journal.appendOutbox(sending(seq)),
      journal.settleOutbox("m2", seq),
      journal.commitInbox(stream, seq, [received(seq)]),
      journal.settleInbox(place(seq), fact("handled")),
    ]);
    await Promise.all(calls);
    expect(await all(journal)).toHaveLength(maxEntries);
  });
}

function describePurge(bench: Bench<Journal>): void {
  it("removes history by place, all or nothing, and never what is pending", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(sending(1, { more: true }));
    for (const seq of [2, 3, 4]) await journal.appendOutbox(sending(seq));
    await journal.settleOutbox("m2", 3);
    await journal.commitInbox(stream, 2, [received(1), received(2)]);
    await journal.settleInbox(place(1), fact("handled"));
    const places = (await all(journal)).map((record) => record.place);
    const [whole = 0, , waiting = 0, handled = 0, open = 0] = places;
    for (const pending of [waiting, open])
      await expectCode(journal.removeDeliveries([whole, pending, handled]), "conflict");
    expect(await all(journal)).toHaveLength(5);
    await journal.removeDeliveries([whole, handled, handled, 99_999]);
    expect(await outline(journal)).toEqual(["3 accepted", "4 accepted pending", "2 delivered pending"]);
    await journal.removeDeliveries([whole]);
    await journal.noteInbox(place(1), fact("read"));
    await journal.noteOutbox("m2", 1, 4, fact("delivered"));
    expect(await outline(journal)).toEqual(["3 delivered", "4 delivered pending", "2 delivered pending"]);
  });
}

function describeImport(bench: Bench<Journal>): void {
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

/** Steps on ten numbers towards two recipients. */
const steps = array(
  record({
    recipient: constantFrom("m2", "m2|relay"),
    step: constantFrom("append", "append more", "note", "note", "receipt", "settle", "drop", "new epoch"),
    from: integer({ min: 1, max: 10 }),
    span: integer({ min: 0, max: 5 }),
    state: constantFrom<DeliveryState>("stored", "delivered", "handled", "expired", "refused", "read"),
  }),
  { maxLength: 60 },
);
type Step = Parameters<Parameters<typeof steps.map>[0]>[0][number];

function describeHistoryModel(bench: Bench<Journal>): void {
  it("remembers what the journal in memory remembers after any series of steps under way together", async () => {
    await assert(
      asyncProperty(steps, async (series) => {
        const { port: journal, subject } = await bench.open();
        const model = openMemoryJournal({ history: historyBoundsUnderTest });
        await Promise.allSettled(series.map((step, index) => take(journal, step, index)));
        await Promise.allSettled(series.map((step, index) => take(model, step, index)));
        expect(await known(journal)).toEqual(await known(model));
        await subject.teardown();
      }),
      { numRuns: 40 },
    );
  });
}

async function take(journal: Journal, { recipient, step, from, span, state }: Step, index: number): Promise<unknown> {
  switch (step) {
    case "append":
    case "append more":
      return journal.appendOutbox(sending(from, { more: step === "append more" }, recipient));
    case "note":
      return journal.noteOutbox(recipient, from, from + span, fact(state, index));
    case "receipt":
      return journal.noteOutbox(recipient, from, from + span, fact(state, index), bytesOf(`${index}`));
    case "settle":
      return journal.settleOutbox(recipient, from);
    case "drop":
      return journal.dropOutbox(recipient, from);
    case "new epoch":
      return journal.newEpoch();
  }
}

/** All that a journal knows, but for its random epochs. */
async function known(journal: Journal): Promise<unknown> {
  const { outbox } = await journal.load();
  const records = (await all(journal)).map((each) => ({ ...each, epoch: "", place: 0 }));
  const pending = outbox.map(({ recipient, seq, state }) => ({ recipient, seq, state }));
  return { records, pending };
}
