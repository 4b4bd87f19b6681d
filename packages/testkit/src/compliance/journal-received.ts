import type { Journal } from "@parley/core";
import { envelopeKinds } from "@parley/protocol";
import { expect, it } from "vitest";

import { all, fact, outline, place, received, statesOf, stream } from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { bytesOf, expectCode, textOf } from "./subject.ts";

/** What is remembered of received envelopes. */
export function describeReceivedHistory(bench: Bench<Journal>): void {
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

/** What is received and pending, in pages. */
export function describePendingPages(bench: Bench<Journal>): void {
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
