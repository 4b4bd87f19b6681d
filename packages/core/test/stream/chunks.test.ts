import { ChunkJoiner, splitBody } from "@parley/core";
import { limits, maxChunkBytes, toParleyError } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { envelopeOf } from "./envelopes.ts";

const head = envelopeOf(new Uint8Array());
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251);

function joined(body: Uint8Array): Uint8Array | undefined {
  const joiner = new ChunkJoiner();
  return splitBody(head, body)
    .map((envelope) => joiner.take(envelope))
    .at(-1);
}

/** What a call gives, or the code that it fails with. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return toParleyError(error).code;
  }
}

describe("a long body", () => {
  it.each([
    0,
    1,
    maxChunkBytes - 1,
    maxChunkBytes,
    maxChunkBytes + 1,
    2 * maxChunkBytes,
    limits.envelopeBytes - 1,
    limits.envelopeBytes,
  ])("of %i bytes comes together again", (length) => {
    const body = pattern(length);
    expect(joined(body)).toEqual(body);
  });

  it("above the limit is refused before it is sent", () => {
    expect(() => splitBody(head, new Uint8Array(limits.envelopeBytes + 1))).toThrow(
      expect.objectContaining({ code: "too_large" }),
    );
  });

  it("goes in chunks that are all marked but the last", () => {
    const chunks = splitBody(head, new Uint8Array(maxChunkBytes + 1));
    expect(chunks.map(({ more }) => more)).toEqual([true, false]);
  });
});

describe("joining chunks", () => {
  it("gives each body once, in order, for any row of bodies", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 * maxChunkBytes }), { maxLength: 6 }), (lengths) => {
        const joiner = new ChunkJoiner();
        const out = lengths
          .flatMap((length) => splitBody(head, pattern(length)))
          .map((envelope) => joiner.take(envelope));
        expect(out.filter((body) => body !== undefined).map((body) => body.length)).toEqual(lengths);
        expect(joiner.isOpen).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    [limits.envelopeBytes, true],
    [limits.envelopeBytes + 1, false],
  ])("takes %i bytes in all: %s", (total, ok) => {
    const joiner = new ChunkJoiner();
    const chunk = { ...head, more: true, body: new Uint8Array(limits.envelopeBytes / 8) };
    for (let count = 0; count < 7; count++) joiner.take(chunk);
    const last = { ...head, body: new Uint8Array(total - 7 * (limits.envelopeBytes / 8)) };
    expect(outcome(() => joiner.take(last)?.length)).toBe(ok ? total : "too_large");
    expect(joiner.isOpen).toBe(false);
  });

  it.each([
    [limits.chunks - 1, true],
    [limits.chunks, true],
    [limits.chunks + 1, false],
  ])("takes a body of %i chunks: %s", (count, ok) => {
    const joiner = new ChunkJoiner();
    const take = (): void => {
      for (let index = 1; index <= count; index++)
        joiner.take({ ...head, more: index < count, body: new Uint8Array() });
    };
    expect(outcome(take)).toBe(ok ? undefined : "too_large");
  });

  it("hands on nothing of a body that was refused, and the next one whole", () => {
    const joiner = new ChunkJoiner();
    const chunk = { ...head, more: true, body: new Uint8Array(limits.envelopeBytes) };
    joiner.take(chunk);
    expect(outcome(() => joiner.take(chunk))).toBe("too_large");
    expect([joiner.take(chunk), joiner.isOpen]).toEqual([undefined, true]);
    expect([joiner.take({ ...head, body: pattern(3) }), joiner.isOpen]).toEqual([undefined, false]);
    expect(joiner.take({ ...head, body: pattern(4) })).toEqual(pattern(4));
  });

  it("starts afresh after a half body is forgotten", () => {
    const joiner = new ChunkJoiner();
    joiner.take({ ...head, more: true, body: pattern(5) });
    joiner.reset();
    expect(joiner.take({ ...head, body: pattern(3) })).toEqual(pattern(3));
  });
});
