import type { DeliveryQuery, Journal } from "@parley/core";
import { envelopeId } from "@parley/protocol";
import { expect, it } from "vitest";

import { all, envelopeOf, epoch, fact, place, received, sending, stream } from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { expectCode } from "./subject.ts";

/** How records are found. */
export function describeQueries(bench: Bench<Journal>): void {
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
