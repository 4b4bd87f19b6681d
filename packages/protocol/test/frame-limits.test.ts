import {
  dataSectionOverhead,
  decodeFrame,
  type Envelope,
  FrameWriter,
  limits,
  maxChunkBytes,
  type Section,
  toBase64url,
} from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { plainEnvelope, someEpoch, writeSections } from "./frames.ts";

const stream = { class: "live", epoch: someEpoch, base: 1, firstSeq: 1 } as const;
const withData = (envelopes: readonly Envelope[]): Section => ({ type: "data", ...stream, envelopes });
const tiny: Envelope = { ...plainEnvelope, body: new Uint8Array() };

/** A data section by hand: the writer refuses to write what is over the limits. */
function rawData(count: number): Uint8Array {
  const head = [1, 0, ...new Uint8Array(16), 1, 1, (count & 127) | 128, count >> 7, 0, 0, 0, 0, 0, 0];
  return new Uint8Array([...head, ...new Uint8Array(count * 4)]);
}

describe("the limits of a frame", () => {
  it.each([
    [limits.frameBytes - 1, true],
    [limits.frameBytes, true],
    [limits.frameBytes + 1, false],
  ])("hold for frameBytes: %i bytes", (length, ok) => {
    const statement = "a".repeat(length - 4);
    const bytes = writeSections([{ type: "hello", statement }]);
    expect(bytes.length).toBe(length);
    expect(decodeFrame(bytes)).toMatchObject(ok ? { ok } : { ok, code: "too_large" });
  });

  it.each([
    [limits.envelopesPerFrame - 1, true],
    [limits.envelopesPerFrame, true],
    [limits.envelopesPerFrame + 1, false],
  ])("hold for envelopesPerFrame: %i envelopes", (count, ok) => {
    expect(decodeFrame(rawData(count))).toMatchObject(ok ? { ok } : { ok, code: "malformed_frame" });
  });

  it("hold for an empty section: no envelope is one too few", () => {
    expect(decodeFrame(new Uint8Array([5, 0, 0, 0, 0, 0, 0, 0]))).toMatchObject({ ok: false, code: "malformed_frame" });
  });

  it.each([
    [limits.sectionsPerFrame - 1, true],
    [limits.sectionsPerFrame, true],
    [limits.sectionsPerFrame + 1, false],
  ])("hold for sectionsPerFrame: %i sections", (count, ok) => {
    const acks = Array.from(
      { length: count },
      (_, seq) => ({ type: "ack", class: "live", epoch: someEpoch, seq }) as const,
    );
    expect(decodeFrame(writeSections(acks))).toMatchObject(ok ? { ok } : { ok, code: "malformed_frame" });
  });

  it.each([
    [limits.hops - 1, true],
    [limits.hops, true],
    [limits.hops + 1, false],
  ])("hold for hops: %i", (hops, ok) => {
    expect(decodeFrame(writeSections([withData([{ ...plainEnvelope, hops }])]))).toMatchObject(
      ok ? { ok } : { ok, code: "malformed_frame" },
    );
  });

  it.each([
    [limits.expiryMs - 1, true],
    [limits.expiryMs, true],
    [limits.expiryMs + 1, false],
  ])("hold for expiryMs: %i ms", (ttl, ok) => {
    expect(decodeFrame(writeSections([withData([{ ...plainEnvelope, ttl }])]))).toMatchObject(
      ok ? { ok } : { ok, code: "malformed_frame" },
    );
  });

  it.each([
    [0, 0, true],
    [1, 0, false],
    [2, 1, false],
    [2, 2, true],
    [2, 3, true],
  ])("hold for seqs: base %i, first %i", (base, firstSeq, ok) => {
    const section = withData([plainEnvelope]) as Section & { type: "data" };
    const written = writeSections([
      { ...section, base: Math.max(base, 1), firstSeq: Math.max(firstSeq, base === 0 ? 1 : 0) },
    ]);
    expect(decodeFrame(written).ok).toBe(ok);
  });
});

describe("the writer of frames", () => {
  it("takes a chunk of the largest size into an empty frame, whatever its header holds", () => {
    const trace = new Uint8Array(25).fill(1);
    const origin = { epoch: toBase64url(new Uint8Array(16)), seq: Number.MAX_SAFE_INTEGER };
    const largest = {
      ...plainEnvelope,
      ttl: limits.expiryMs,
      hops: 16,
      trace,
      origin,
      body: new Uint8Array(maxChunkBytes),
    };
    const out = new FrameWriter();
    expect(out.data({ ...stream, base: 2 ** 52, firstSeq: 2 ** 52 }, [largest])).toBe(1);
    expect(decodeFrame(out.finish()).ok).toBe(true);
  });

  it("never writes past the limit, and says how many went in", () => {
    const envelopes = Array.from({ length: 10_000 }, () => tiny);
    const out = new FrameWriter();
    let at = 0;
    for (let frames = 0; at < envelopes.length && frames < 100; frames++) {
      at += out.data({ ...stream, firstSeq: at + 1 }, envelopes, at);
      expect(out.length).toBeLessThanOrEqual(limits.frameBytes);
      expect(decodeFrame(out.finish()).ok).toBe(true);
    }
    expect(at).toBe(envelopes.length);
  });

  it("stops at the most sections", () => {
    const out = new FrameWriter();
    for (let count = 0; count < limits.sectionsPerFrame; count++) expect(out.ephemeral(tiny)).toBe(true);
    expect(out.hasRoom).toBe(false);
    expect(out.ephemeral(tiny)).toBe(false);
    expect(out.data(stream, [tiny])).toBe(0);
    out.finish();
    expect(out.isEmpty).toBe(true);
    expect(out.ephemeral(tiny)).toBe(true);
  });

  it("knows what a data section costs at most", () => {
    const out = new FrameWriter();
    out.data({ ...stream, base: Number.MAX_SAFE_INTEGER, firstSeq: Number.MAX_SAFE_INTEGER }, [tiny]);
    expect(out.length).toBeLessThanOrEqual(dataSectionOverhead + 12);
  });
});
