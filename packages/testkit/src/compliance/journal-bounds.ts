import type { Journal } from "@parley/core";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { all, fact, historyBoundsUnderTest, outline, place, received, sending, stream } from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { expectCode } from "./subject.ts";

/** How much history there is. */
export function describeBounds(bench: Bench<Journal>): void {
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

/** History removed by place. */
export function describePurge(bench: Bench<Journal>): void {
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
