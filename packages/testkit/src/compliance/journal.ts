import type { DeliveryFact, InboundStreamId, InboxEntry, Journal, NewOutboxEntry, ReceivedEntry } from "@parley/core";
import { maxEpochsPerDevice, maxJournalStateBytes } from "@parley/core";
import type { Envelope } from "@parley/protocol";
import { limits } from "@parley/protocol";
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { describe, expect, it } from "vitest";

import { describeJournalHistory } from "./journal-history.ts";
import type { Capability, Setup } from "./subject.ts";
import { Bench, bytesOf, expectCode, has, textOf } from "./subject.ts";

export interface JournalCapabilities {
  /** State outlives a close. */
  readonly persistence?: Capability;
}

/** Bounds that the suite's subjects are to be opened with, in both directions. */
export const journalBoundsUnderTest = { maxEntries: 50, maxBytes: 2 * limits.envelopeBytes };

export { historyBoundsUnderTest } from "./journal-samples.ts";

/** The behaviour of every Journal. */
export function describeJournal(name: string, setup: Setup<Journal>, capabilities: JournalCapabilities = {}): void {
  describe(`${name} as a Journal`, () => {
    const bench = new Bench(setup);
    describeOutbox(bench);
    describeInbox(bench);
    describeCursors(bench);
    describeState(bench);
    describeEpoch(bench);
    describeArguments(bench);
    describeModel(bench);
    describeJournalHistory(bench);
    if (has(name, "journal outlives a close", capabilities.persistence)) describePersistence(bench);
  });
}

function envelope(body: string | Uint8Array, changes: Partial<Envelope> = {}): Envelope {
  return {
    kind: 4,
    critical: false,
    more: false,
    created: 1_700_000_000_000,
    ttl: 0,
    hops: 0,
    trace: undefined,
    origin: undefined,
    body: typeof body === "string" ? bytesOf(body) : body,
    ...changes,
  };
}

const toSend = (recipient: string, seq: number, body: string | Uint8Array = `${seq}`): NewOutboxEntry => ({
  recipient,
  seq,
  envelope: envelope(body),
});

const received = (seq: number, body: string | Uint8Array = `${seq}`): ReceivedEntry => ({
  seq,
  receivedAt: 1_700_000_000_500,
  envelope: envelope(body),
});

const stream = (epoch = "e1", device = "d1", sender = "m1"): InboundStreamId => ({ sender, device, epoch });

const handled: DeliveryFact = { state: "handled", at: 1_700_000_000_900 };

async function sent(journal: Journal): Promise<readonly string[]> {
  return (await journal.load()).outbox.map(({ recipient, seq }) => `${recipient} ${seq}`);
}

async function pending(journal: Journal): Promise<readonly string[]> {
  return (await journal.pendingInbox()).map(({ device, epoch, seq }) => `${device} ${epoch} ${seq}`);
}

function describeOutbox(bench: Bench<Journal>): void {
  it("keeps every part of an envelope", async () => {
    const { port: journal } = await bench.open();
    const full = envelope("body", {
      critical: true,
      more: true,
      ttl: 60_000,
      hops: 3,
      trace: new Uint8Array(25).fill(7),
      origin: { epoch: "before", seq: 9 },
    });
    await journal.appendOutbox({ recipient: "m2", seq: 1, envelope: full });
    await journal.appendOutbox({ recipient: "m2", seq: 2, envelope: envelope("plain") });
    await journal.commitInbox(stream(), 1, [{ seq: 1, receivedAt: 5, envelope: full }]);
    const { outbox } = await journal.load();
    expect(outbox.map((entry) => entry.envelope)).toEqual([full, envelope("plain")]);
    expect(await journal.pendingInbox()).toEqual([
      { ...stream(), seq: 1, receivedAt: 5, envelope: full, redelivered: false, place: 3, attempts: 0 },
    ]);
  });

  it("keeps append order and the last number per recipient", async () => {
    const { port: journal } = await bench.open();
    await Promise.all([toSend("m2", 1), toSend("m3", 1), toSend("m2", 4)].map((entry) => journal.appendOutbox(entry)));
    expect(await sent(journal)).toEqual(["m2 1", "m3 1", "m2 4"]);
    expect((await journal.load()).lastSeq).toEqual(
      new Map([
        ["m2", 4],
        ["m3", 1],
      ]),
    );
  });

  it("removes what a cumulative acknowledgement covers and remembers the number", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3]) await journal.appendOutbox(toSend("m2", seq));
    await journal.appendOutbox(toSend("m3", 1));
    await journal.settleOutbox("m2", 2);
    expect(await sent(journal)).toEqual(["m2 3", "m3 1"]);
    await journal.settleOutbox("m2", 99);
    await journal.settleOutbox("nobody", 1);
    expect(await sent(journal)).toEqual(["m3 1"]);
    expect((await journal.load()).lastSeq.get("m2")).toBe(3);
    await expectCode(journal.appendOutbox(toSend("m2", 3)), "conflict");
    await journal.appendOutbox(toSend("m2", 4));
  });

  it("drops a single entry", async () => {
    const { port: journal } = await bench.open();
    for (const seq of [1, 2, 3]) await journal.appendOutbox(toSend("m2", seq));
    await journal.dropOutbox("m2", 2);
    await journal.dropOutbox("m2", 2);
    expect(await sent(journal)).toEqual(["m2 1", "m2 3"]);
  });

  it("never gives a number twice", async () => {
    const { port: journal } = await bench.open();
    const both = await Promise.allSettled([1, 2].map(() => journal.appendOutbox(toSend("m2", 1))));
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(await sent(journal)).toEqual(["m2 1"]);
  });

  it("pushes back at its bounds and takes more once something went", async () => {
    const { port: journal } = await bench.open();
    const { maxEntries } = journalBoundsUnderTest;
    for (let seq = 1; seq <= maxEntries; seq++) await journal.appendOutbox(toSend("m2", seq));
    await expectCode(journal.appendOutbox(toSend("m2", maxEntries + 1)), "limit_reached");
    await journal.settleOutbox("m2", maxEntries);
    const large = new Uint8Array(limits.envelopeBytes);
    for (const seq of [100, 101]) await journal.appendOutbox(toSend("m2", seq, large));
    await expectCode(journal.appendOutbox(toSend("m2", 102, "x")), "limit_reached");
    await journal.dropOutbox("m2", 100);
    await journal.appendOutbox(toSend("m2", 102, "x"));
  });
}

function describeInbox(bench: Bench<Journal>): void {
  it("commits envelopes with the cursor and keeps them until they are settled", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream(), 2, [received(1), received(2)]);
    await journal.commitInbox(stream("e1", "d2"), 1, [received(1)]);
    expect(await pending(journal)).toEqual(["d1 e1 1", "d1 e1 2", "d2 e1 1"]);
    const [first] = await journal.pendingInbox();
    await journal.settleInbox(first as InboxEntry, handled);
    await journal.settleInbox(first as InboxEntry, handled);
    await journal.settleInbox({ ...stream("never"), seq: 1 }, handled);
    expect(await pending(journal)).toEqual(["d1 e1 2", "d2 e1 1"]);
    expect((await journal.load()).inbound).toEqual([
      { ...stream(), seq: 2 },
      { ...stream("e1", "d2"), seq: 1 },
    ]);
  });

  it("moves a cursor without envelopes, for what needs no handling", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream(), 5, []);
    expect((await journal.load()).inbound).toEqual([{ ...stream(), seq: 5 }]);
    expect(await pending(journal)).toEqual([]);
  });

  it("takes nothing at or below the cursor", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream(), 3, [received(2), received(3)]);
    await expectCode(journal.commitInbox(stream(), 3, [received(3)]), "conflict");
    await expectCode(journal.commitInbox(stream(), 4, [received(3), received(4)]), "conflict");
    await expectCode(journal.commitInbox(stream(), 2, []), "conflict");
    expect(await pending(journal)).toEqual(["d1 e1 2", "d1 e1 3"]);
    await journal.commitInbox(stream("e2"), 1, [received(1)]);
  });

  it("pushes back at its bounds as a whole and leaves the cursor", async () => {
    const { port: journal } = await bench.open();
    const { maxEntries } = journalBoundsUnderTest;
    const entries = Array.from({ length: maxEntries - 1 }, (_, index) => received(index + 1));
    await journal.commitInbox(stream(), maxEntries - 1, entries);
    const two = [received(maxEntries), received(maxEntries + 1)];
    await expectCode(journal.commitInbox(stream(), maxEntries + 1, two), "limit_reached");
    expect((await journal.load()).inbound[0]?.seq).toBe(maxEntries - 1);
    await journal.settleInbox({ ...stream(), seq: 1 }, handled);
    await journal.commitInbox(stream(), maxEntries + 1, two);
  });
}

function describeCursors(bench: Bench<Journal>): void {
  it("keeps so many epochs of one device, the ones last committed to", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream("other", "d2"), 1, []);
    const epochs = Array.from({ length: maxEpochsPerDevice }, (_, index) => `e${index}`);
    for (const epoch of epochs) await journal.commitInbox(stream(epoch), 1, []);
    await journal.commitInbox(stream("e0"), 2, []);
    await journal.commitInbox(stream("new"), 1, []);
    const kept = (await journal.load()).inbound.map(({ epoch }) => epoch);
    expect(kept).toEqual(["other", ...epochs.slice(2), "e0", "new"]);
  });

  it("keeps so many streams in all, the ones last committed to", async () => {
    const { port: journal } = await bench.open();
    const commit = (index: number): Promise<unknown> => journal.commitInbox(stream("e1", `d${index}`), 1, []);
    await Promise.all(Array.from({ length: limits.inboundStreams }, (_, index) => commit(index)));
    expect((await journal.load()).inbound).toHaveLength(limits.inboundStreams);
    await commit(limits.inboundStreams);
    const { inbound } = await journal.load();
    expect(inbound).toHaveLength(limits.inboundStreams);
    expect([inbound[0]?.device, inbound.at(-1)?.device]).toEqual(["d1", `d${limits.inboundStreams}`]);
  });

  it("keeps pending envelopes of a forgotten stream and lets it start anew", async () => {
    const { port: journal } = await bench.open();
    await journal.commitInbox(stream(), 2, [received(1), received(2)]);
    await journal.forgetInbound(stream());
    expect((await journal.load()).inbound).toEqual([]);
    expect(await pending(journal)).toEqual(["d1 e1 1", "d1 e1 2"]);
    await journal.settleInbox({ ...stream(), seq: 1 }, handled);
    await journal.commitInbox(stream(), 3, [received(2, "again"), received(3)]);
    expect((await journal.pendingInbox()).map(({ envelope: { body } }) => textOf(body))).toEqual(["2", "3"]);
    await journal.forgetInbound(stream("never"));
  });
}

function describeState(bench: Bench<Journal>): void {
  it("keeps small settings by key", async () => {
    const { port: journal } = await bench.open();
    expect(await journal.getState("pin/m2")).toBeUndefined();
    await journal.putState("pin/m2", bytesOf("1"));
    await journal.putState("pin/m2", bytesOf("2"));
    expect(textOf(await journal.getState("pin/m2"))).toBe("2");
    await journal.putState("pin/m2", undefined);
    expect(await journal.getState("pin/m2")).toBeUndefined();
  });

  it("takes a value at the limit and refuses one above it", async () => {
    const { port: journal } = await bench.open();
    await journal.putState("k", new Uint8Array(maxJournalStateBytes));
    await expectCode(journal.putState("k", new Uint8Array(maxJournalStateBytes + 1)), "too_large");
    await expectCode(journal.putState("", bytesOf("x")), "invalid_argument");
  });
}

function describeEpoch(bench: Bench<Journal>): void {
  it("numbers its outbox anew in a new epoch, keeping order and the first place of each", async () => {
    const { port: journal } = await bench.open();
    for (const entry of [toSend("m2", 1), toSend("m3", 7), toSend("m2", 5), toSend("m2", 6)])
      await journal.appendOutbox(entry);
    await journal.settleOutbox("m2", 1);
    const { epoch: before } = await journal.load();
    const epoch = await journal.newEpoch();
    await journal.newEpoch();
    const state = await journal.load();
    expect(new Set([before, epoch, state.epoch]).size).toBe(3);
    expect(state.outbox.map(({ recipient, seq, envelope: { origin } }) => ({ recipient, seq, origin }))).toEqual([
      { recipient: "m3", seq: 1, origin: { epoch: before, seq: 7 } },
      { recipient: "m2", seq: 1, origin: { epoch: before, seq: 5 } },
      { recipient: "m2", seq: 2, origin: { epoch: before, seq: 6 } },
    ]);
    expect(state.lastSeq).toEqual(
      new Map([
        ["m2", 2],
        ["m3", 1],
      ]),
    );
    await journal.appendOutbox(toSend("m2", 3));
  });
}

function describeArguments(bench: Bench<Journal>): void {
  it("takes a body at the limit and refuses one above it", async () => {
    const { port: journal } = await bench.open();
    await journal.appendOutbox(toSend("m2", 1, new Uint8Array(limits.envelopeBytes)));
    const above = new Uint8Array(limits.envelopeBytes + 1);
    await expectCode(journal.appendOutbox(toSend("m2", 2, above)), "too_large");
    await expectCode(journal.commitInbox(stream(), 1, [received(1, above)]), "too_large");
  });

  it("refuses numbers and ids that are not of the documented form", async () => {
    const { port: journal } = await bench.open();
    await expectCode(journal.appendOutbox(toSend("", 1)), "invalid_argument");
    await expectCode(journal.appendOutbox(toSend("m2", 0)), "invalid_argument");
    await expectCode(journal.appendOutbox(toSend("m2", 1.5)), "invalid_argument");
    await expectCode(journal.commitInbox(stream(""), 1, []), "invalid_argument");
    await expectCode(journal.commitInbox(stream(), 0, []), "invalid_argument");
    await expectCode(journal.commitInbox(stream(), 1, [received(2)]), "invalid_argument");
    await expectCode(journal.commitInbox(stream(), 2, [received(2), received(1)]), "invalid_argument");
  });

  it("rejects every call after it is closed, and closes twice", async () => {
    const { port: journal } = await bench.open();
    await journal.close();
    await journal.close();
    const calls = [
      () => journal.load(),
      () => journal.appendOutbox(toSend("m2", 1)),
      () => journal.settleOutbox("m2", 1),
      () => journal.dropOutbox("m2", 1),
      () => journal.commitInbox(stream(), 1, []),
      () => journal.noteOutbox("m2", 1, 1, { state: "stored", at: 1 }),
      () => journal.settleInbox({ ...stream(), seq: 1 }, handled),
      () => journal.noteInbox({ ...stream(), seq: 1 }, { state: "read", at: 1 }),
      () => journal.noteAttempt({ ...stream(), seq: 1 }),
      () => journal.pendingInbox(),
      () => journal.pendingSenders(),
      () => journal.reopenInbox(1),
      () => journal.deliveries(),
      () => journal.removeDeliveries([]),
      () => journal.importHistory([]),
      () => journal.forgetInbound(stream()),
      () => journal.getState("k"),
      () => journal.putState("k", undefined),
      () => journal.newEpoch(),
    ];
    for (const call of calls) await expectCode(call(), "closed");
  });
}

const outboxSteps = array(
  record({
    recipient: constantFrom("m2", "m3"),
    step: constantFrom("append", "settle", "drop"),
    seq: integer({ min: 1, max: 30 }),
  }),
  { maxLength: 40 },
);

function describeModel(bench: Bench<Journal>): void {
  it("holds what its model holds after any series of appends, settlements and drops under way together", async () => {
    await assert(
      asyncProperty(outboxSteps, async (series) => {
        const { port: journal, subject } = await bench.open();
        let held: string[] = [];
        const last = new Map<string, number>();
        const outcomes = series.map(async ({ recipient, step, seq }) => {
          if (step === "settle") return journal.settleOutbox(recipient, seq);
          if (step === "drop") return journal.dropOutbox(recipient, seq);
          return journal.appendOutbox(toSend(recipient, seq));
        });
        for (const { recipient, step, seq } of series) {
          const at = (entry: string): number => Number(entry.split(" ")[1]);
          if (step === "settle") held = held.filter((entry) => !entry.startsWith(recipient) || at(entry) > seq);
          else if (step === "drop") held = held.filter((entry) => entry !== `${recipient} ${seq}`);
          else if (seq > (last.get(recipient) ?? 0)) {
            held.push(`${recipient} ${seq}`);
            last.set(recipient, seq);
          }
        }
        await Promise.allSettled(outcomes);
        expect(await sent(journal)).toEqual(held);
        expect((await journal.load()).lastSeq).toEqual(last);
        await subject.teardown();
      }),
      { numRuns: 25 },
    );
  });
}

function describePersistence(bench: Bench<Journal>): void {
  it("has everything when opened again and flags what was pending", async () => {
    const { port: journal, subject } = await bench.open();
    await journal.appendOutbox(toSend("m2", 1));
    await journal.appendOutbox(toSend("m2", 2));
    await journal.noteOutbox("m2", 1, 1, { state: "delivered", at: 3, device: "d9" }, bytesOf("receipt"));
    await journal.settleOutbox("m2", 1);
    await journal.commitInbox(stream(), 2, [received(1), received(2)]);
    await journal.commitInbox(stream("e1", "d2"), 9, []);
    await journal.settleInbox({ ...stream(), seq: 1 }, { state: "handled", at: 4 });
    await journal.noteInbox({ ...stream(), seq: 1 }, { state: "read", at: 5 });
    await journal.noteAttempt({ ...stream(), seq: 2 });
    await journal.putState("pin/m2", bytesOf("1"));
    const before = await journal.load();
    const { records } = await journal.deliveries();
    const again = await bench.reopen(subject);
    if (again === undefined) throw new Error("declares persistence but cannot be opened again");
    expect(await again.port.load()).toEqual(before);
    expect((await again.port.deliveries()).records).toEqual(records);
    expect(textOf(await again.port.getState("pin/m2"))).toBe("1");
    await again.port.commitInbox(stream(), 3, [received(3)]);
    const pending = await again.port.pendingInbox();
    expect(pending.map(({ seq, redelivered, attempts }) => ({ seq, redelivered, attempts }))).toEqual([
      { seq: 2, redelivered: true, attempts: 1 },
      { seq: 3, redelivered: false, attempts: 0 },
    ]);
    await again.port.settleInbox({ ...stream(), seq: 2 }, { state: "dead-lettered", at: 6 });
    await again.port.reopenInbox(records.at(-1)?.place ?? 0);
    const third = await bench.reopen(again);
    expect((await third?.port.pendingInbox())?.map(({ seq }) => seq)).toEqual([2, 3]);
    await expectCode(third?.port.appendOutbox(toSend("m2", 2)) ?? Promise.resolve(), "conflict");
    await third?.port.appendOutbox(toSend("m2", 3));
  });

  it("still knows, when opened again, what it was only told of and what it received since", async () => {
    const { port: theirs } = await bench.open();
    const { port: journal, subject } = await bench.open();
    await theirs.commitInbox(stream(), 2, [received(1), received(2)]);
    await theirs.settleInbox({ ...stream(), seq: 1 }, handled);
    await journal.importHistory((await theirs.deliveries()).records);
    const again = await bench.reopen(subject);
    expect(await again?.port.commitInbox(stream(), 1, [received(1)])).toEqual([]);
    const third = await bench.reopen(again ?? subject);
    expect((await third?.port.pendingInbox())?.map(({ seq }) => seq)).toEqual([1]);
    const records = (await third?.port.deliveries())?.records ?? [];
    expect(records.map(({ seq, facts }) => [seq, facts.length])).toEqual([
      [2, 1],
      [1, 1],
    ]);
    await third?.port.forgetInbound(stream());
    expect(await third?.port.commitInbox(stream(), 2, [received(1), received(2)])).toEqual([1]);
  });

  it("does not keep the beginning of a body whose end did not come", async () => {
    const { port: journal, subject } = await bench.open();
    await journal.appendOutbox(toSend("m2", 1));
    for (const seq of [2, 3])
      await journal.appendOutbox({ ...toSend("m2", seq), envelope: envelope("x", { more: true }) });
    const again = await bench.reopen(subject);
    expect(again === undefined ? [] : await sent(again.port)).toEqual(["m2 1"]);
    await expectCode(again?.port.appendOutbox(toSend("m2", 3)) ?? Promise.resolve(), "conflict");
  });

  it("finishes the writes under way before it closes", async () => {
    const { port: journal, subject } = await bench.open();
    const under = Array.from({ length: 20 }, (_, index) => journal.appendOutbox(toSend("m2", index + 1)));
    const again = await bench.reopen(subject);
    await Promise.all(under);
    expect((await again?.port.load())?.outbox).toHaveLength(20);
  });
}
