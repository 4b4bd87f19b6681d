import { InboundStream } from "@parley/core";
import type { DataSection } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { envelopeOf, epoch, sectionOf, textOf } from "./envelopes.ts";

const seqsOf = (ready: ReturnType<InboundStream["receive"]>): number[] => ready.map(({ seq }) => seq);

describe("the receiving half of a stream", () => {
  it("hands on what is in order and drops what came before", () => {
    const stream = new InboundStream();
    expect(seqsOf(stream.receive(sectionOf(1, 3)))).toEqual([1, 2, 3]);
    expect(seqsOf(stream.receive(sectionOf(1, 3)))).toEqual([]);
    expect(seqsOf(stream.receive(sectionOf(2, 4)))).toEqual([4, 5]);
    expect(stream.received).toBe(5);
  });

  it("holds what comes beyond a hole and hands it on when the hole is filled", () => {
    const stream = new InboundStream();
    expect(stream.receive(sectionOf(3, 2))).toEqual([]);
    expect(stream.receive(sectionOf(6, 1))).toEqual([]);
    expect(seqsOf(stream.receive(sectionOf(1, 2)))).toEqual([1, 2, 3, 4]);
    expect(seqsOf(stream.receive(sectionOf(5, 1)))).toEqual([5, 6]);
    expect(stream.heldCount).toBe(0);
  });

  it("keeps the mark of either of two copies", () => {
    const stream = new InboundStream();
    const again = (firstSeq: number, count: number): DataSection => {
      const section = sectionOf(firstSeq, count);
      return { ...section, envelopes: section.envelopes.map((envelope) => ({ ...envelope, redelivered: true })) };
    };
    stream.receive(again(2, 1));
    stream.receive(sectionOf(3, 2));
    stream.receive(again(4, 1));
    const ready = stream.receive(sectionOf(1, 3));
    expect(ready.map(({ envelope }) => envelope.redelivered === true)).toEqual([false, true, false, true]);
  });

  it("keeps the mark of a copy that comes behind one for which there is no room", () => {
    const stream = new InboundStream({ mostHeld: 1 });
    stream.receive(sectionOf(3, 1));
    const again = sectionOf(2, 2);
    stream.receive({ ...again, envelopes: again.envelopes.map((envelope) => ({ ...envelope, redelivered: true })) });
    const ready = stream.receive(sectionOf(1, 2));
    expect(ready.map(({ seq, envelope }) => [seq, envelope.redelivered === true])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
  });

  it("goes on where an earlier life stopped", () => {
    const stream = new InboundStream({ received: 10 });
    expect(seqsOf(stream.receive(sectionOf(9, 4)))).toEqual([11, 12]);
  });

  it("skips what the sender calls settled", () => {
    const stream = new InboundStream();
    stream.receive(sectionOf(3, 1));
    expect(seqsOf(stream.receive(sectionOf(5, 1, 5)))).toEqual([5]);
    expect(stream.heldCount).toBe(0);
  });

  it("hands on what it held as soon as the sender calls the hole before it settled", () => {
    const stream = new InboundStream();
    stream.receive(sectionOf(5, 1));
    expect(seqsOf(stream.receive(sectionOf(7, 1, 5)))).toEqual([5]);
    expect(seqsOf(stream.receive(sectionOf(6, 1, 5)))).toEqual([6, 7]);
  });

  it.each([
    [4, 4],
    [5, 5],
    [6, 5],
  ])("holds at most so many: of %i early ones it keeps %i", (early, kept) => {
    const stream = new InboundStream({ mostHeld: 5 });
    stream.receive(sectionOf(2, early));
    expect(stream.heldCount).toBe(kept);
    expect(seqsOf(stream.receive(sectionOf(1, 1))).length).toBe(1 + kept);
  });

  it.each([
    [9, 1],
    [10, 1],
    [11, 0],
  ])("holds at most so many bytes: %i bytes are kept %i times", (length, kept) => {
    const stream = new InboundStream({ mostHeldBytes: 10 });
    const section = { type: "data", class: "live", epoch, base: 1, firstSeq: 2 } as const;
    stream.receive({ ...section, envelopes: [envelopeOf(new Uint8Array(length))] });
    expect(stream.heldCount).toBe(kept);
  });

  it("frees the bytes of what it hands on", () => {
    const stream = new InboundStream({ mostHeldBytes: 10 });
    for (let round = 0; round < 5; round++) {
      const at = round * 2 + 1;
      const early = { ...sectionOf(at + 1, 1), envelopes: [envelopeOf(new Uint8Array(10))] };
      stream.receive(early);
      expect(stream.heldCount).toBe(1);
      expect(seqsOf(stream.receive(sectionOf(at, 1)))).toEqual([at, at + 1]);
    }
  });

  it("keeps copies of what it holds: the bytes of a frame are used again", () => {
    const stream = new InboundStream();
    const frame = new Uint8Array(26).fill(1);
    const early = envelopeOf(frame.subarray(0, 1), { trace: frame.subarray(1, 26) });
    stream.receive({ ...sectionOf(2, 1), envelopes: [early] });
    frame.fill(9);
    const held = stream.receive(sectionOf(1, 1))[1]?.envelope;
    expect(held?.body).toEqual(new Uint8Array([1]));
    expect(held?.trace).toEqual(new Uint8Array(25).fill(1));
  });

  it("hands on every body as it was sent", () => {
    const stream = new InboundStream();
    stream.receive(sectionOf(2, 2));
    expect(stream.receive(sectionOf(1, 1)).map(({ envelope }) => textOf(envelope))).toEqual(["1", "2", "3"]);
  });
});
