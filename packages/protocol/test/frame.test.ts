import { decodeFrame, type Decoded, FrameWriter, isErrorCode, type Section } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { anySection, plainEnvelope, someEpoch, writeSections } from "./frames.ts";

const sections = fc.array(anySection, { maxLength: 8 });

function expectTotal(result: Decoded<readonly Section[]>): void {
  if (result.ok) return;
  expect(isErrorCode(result.code)).toBe(true);
  expect(result.message).not.toBe("");
}

describe("a frame", () => {
  it("reads back as the sections that were written", () => {
    fc.assert(
      fc.property(sections, (written) => {
        expect(decodeFrame(writeSections(written))).toEqual({ ok: true, value: written });
      }),
    );
  });

  it("gives a value or a coded error for any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => expectTotal(decodeFrame(bytes))));
  });

  it("gives a value or a coded error when a valid one is cut short", () => {
    fc.assert(
      fc.property(sections, fc.nat(), (written, cut) => {
        const bytes = writeSections(written);
        expectTotal(decodeFrame(bytes.subarray(0, cut % (bytes.length + 1))));
      }),
    );
  });

  it("gives a value or a coded error when bits of a valid one flip", () => {
    fc.assert(
      fc.property(
        sections,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { maxLength: 6 }),
        (written, flips) => {
          const bytes = writeSections(written);
          if (bytes.length === 0) return;
          for (const [at, bit] of flips) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
          expectTotal(decodeFrame(bytes));
        },
      ),
    );
  });

  it("is refused when it ends inside a section", () => {
    const bytes = writeSections([
      { type: "data", class: "live", epoch: someEpoch, base: 1, firstSeq: 1, envelopes: [plainEnvelope] },
    ]);
    for (let end = 1; end < bytes.length; end++) {
      expect(decodeFrame(bytes.subarray(0, end))).toMatchObject({ ok: false, code: "malformed_frame" });
    }
  });

  it("reads an unknown refusal code of a later version as refused", () => {
    const bytes = writeSections([{ type: "refusal", class: "live", epoch: someEpoch, seq: 1, code: "refused" }]);
    bytes[bytes.length - 1] = "x".charCodeAt(0);
    expect(decodeFrame(bytes)).toMatchObject({ ok: true, value: [{ code: "refused" }] });
  });

  it("is refused when a text is not UTF-8", () => {
    expect(decodeFrame(new Uint8Array([4, 1, 0xff]))).toMatchObject({ ok: false, code: "malformed_frame" });
  });

  it("never counts a seq past what a number can say", () => {
    const last = Number.MAX_SAFE_INTEGER;
    const written = (firstSeq: number) =>
      writeSections([
        { type: "data", class: "live", epoch: someEpoch, base: 1, firstSeq, envelopes: [plainEnvelope, plainEnvelope] },
      ]);
    expect(decodeFrame(written(last - 1)).ok).toBe(true);
    expect(decodeFrame(written(last))).toMatchObject({ ok: false, code: "malformed_frame" });
  });

  it("carries no time that a date cannot hold", () => {
    const late = 2 ** 47;
    const written = (created: number) =>
      writeSections([{ type: "ephemeral", envelopes: [{ ...plainEnvelope, created }] }]);
    expect(decodeFrame(written(late)).ok).toBe(true);
    expect(decodeFrame(written(late + 1))).toMatchObject({ ok: false, code: "malformed_frame" });
    const early = writeSections([
      {
        type: "data",
        class: "live",
        epoch: someEpoch,
        base: 1,
        firstSeq: 1,
        envelopes: [
          { ...plainEnvelope, created: 0 },
          { ...plainEnvelope, created: -1 },
        ],
      },
    ]);
    expect(decodeFrame(early)).toMatchObject({ ok: false, code: "malformed_frame" });
  });

  it("is a view of its bytes: the writer's next frame does not change a copy", () => {
    const out = new FrameWriter();
    out.hello("one");
    const first = out.finish().slice();
    out.hello("two");
    expect(decodeFrame(first)).toMatchObject({ value: [{ statement: "one" }] });
    expect(decodeFrame(out.finish())).toMatchObject({ value: [{ statement: "two" }] });
  });
});
