import { OutboundStream } from "@parley/core";
import { decodeFrame, FrameWriter, limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { envelopeOf, epoch, numbered } from "./envelopes.ts";

const streamOf = (change: Partial<ConstructorParameters<typeof OutboundStream>[0]> = {}): OutboundStream =>
  new OutboundStream({ class: "live", epoch, ...change });

/** Numbers of what the stream writes into one frame. */
function written(stream: OutboundStream): number[] {
  const out = new FrameWriter();
  while (stream.write(out));
  const frame = decodeFrame(out.finish());
  if (!frame.ok) throw new Error(frame.message);
  return frame.value.flatMap((section) =>
    section.type === "data" ? section.envelopes.map((_, index) => section.firstSeq + index) : [],
  );
}

describe("the sending half of a stream", () => {
  it("numbers envelopes from 1, or from where an earlier life stopped", () => {
    expect(streamOf().push(numbered(1))).toBe(1);
    const later = streamOf({ nextSeq: 7 });
    expect([later.push(numbered(7)), later.push(numbered(8))]).toEqual([7, 8]);
    expect(written(later)).toEqual([7, 8]);
  });

  it("writes each envelope once on a path and again on the next one", () => {
    const stream = streamOf();
    for (const seq of [1, 2, 3]) stream.push(numbered(seq));
    expect(written(stream)).toEqual([1, 2, 3]);
    expect(written(stream)).toEqual([]);
    stream.acknowledge(1);
    stream.rewind();
    expect(written(stream)).toEqual([2, 3]);
  });

  it("settles nothing by an acknowledgement of what was never sent", () => {
    const stream = streamOf();
    stream.push(numbered(1));
    expect(stream.acknowledge(1)).toBe(0);
    written(stream);
    stream.push(numbered(2));
    expect(stream.acknowledge(Number.MAX_SAFE_INTEGER)).toBe(1);
    expect(stream.base).toBe(2);
    expect(written(stream)).toEqual([2]);
  });

  it("settles nothing twice and nothing backwards", () => {
    const stream = streamOf();
    for (const seq of [1, 2, 3]) stream.push(numbered(seq));
    written(stream);
    expect([stream.acknowledge(2), stream.acknowledge(2), stream.acknowledge(0), stream.acknowledge(1)]).toEqual([
      2, 0, 0, 0,
    ]);
    expect(stream.unackedCount).toBe(1);
  });

  it.each([
    [1, true],
    [2, true],
    [3, false],
  ])("has room for two: %i are held already but one, room %s", (count, room) => {
    const stream = streamOf({ mostEnvelopes: 3 });
    for (let seq = 1; seq <= count; seq++) stream.push(numbered(seq));
    expect(stream.hasRoom).toBe(room);
  });

  it.each([
    [9, true],
    [10, false],
    [11, false],
  ])("has room until its bytes are used up: %i of 10, room %s", (length, room) => {
    const stream = streamOf({ mostBytes: 10 });
    stream.push(envelopeOf(new Uint8Array(length)));
    expect(stream.hasRoom).toBe(room);
    expect(stream.unackedBytes).toBe(length);
  });

  it("replaces what is no longer worth sending and keeps its number", () => {
    const stream = streamOf();
    for (const seq of [1, 2]) stream.push(numbered(seq));
    stream.replace(1, envelopeOf(new Uint8Array(), { kind: 0 }));
    stream.replace(3, numbered(3));
    expect(stream.at(1)?.kind).toBe(0);
    expect(stream.unackedBytes).toBe(1);
    expect(written(stream)).toEqual([1, 2]);
    stream.acknowledge(1);
    stream.replace(1, numbered(1));
    expect(stream.at(1)).toBeUndefined();
    expect(stream.unackedBytes).toBe(1);
  });

  it("lets go of what is settled, however long it runs", () => {
    const stream = streamOf();
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 500; count++) stream.push(numbered(stream.nextSeq));
      while (written(stream).length > 0);
      stream.acknowledge(stream.nextSeq - 1);
    }
    expect([stream.unackedCount, stream.unackedBytes, stream.base]).toEqual([0, 0, 10_001]);
  });

  it("has the wire's limits by default", () => {
    const stream = streamOf();
    const small = envelopeOf(new Uint8Array());
    for (let count = 1; count < limits.unackedEnvelopes; count++) stream.push(small);
    expect(stream.hasRoom).toBe(true);
    stream.push(small);
    expect(stream.hasRoom).toBe(false);
  });
});
