import {
  decodeDelivery,
  decodeRoutedFrame,
  encodeDelivery,
  encodeRoutedHeader,
  joinRoutedFrame,
  limits,
  type RoutedHeader,
  routedHeaderBytes,
  signedHeaderBytes,
  signedPart,
  toBase64url,
} from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bytes, isTotal } from "./frames.ts";

/** All zero means absent in two fields. */
const notZero = (length: number) =>
  bytes(length)
    .filter((value) => value.some((byte) => byte !== 0))
    .map(toBase64url);
const id = (length: number) => bytes(length).map(toBase64url);
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });

const anyHeader: fc.Arbitrary<RoutedHeader> = fc.record({
  store: fc.boolean(),
  suite: fc.constant(1),
  toMember: id(32),
  toDevice: fc.option(notZero(32), { nil: undefined }),
  fromMember: id(32),
  fromDevice: id(32),
  frameId: id(16),
  expires: u48,
  keyId: id(8),
  bootNonce: fc.option(notZero(16), { nil: undefined }),
  encapsulated: bytes(32),
  counter: u48,
});
const content = fc.uint8Array({ minLength: 1, maxLength: 100 });

const joined = (header: RoutedHeader, signature: Uint8Array, body: Uint8Array) =>
  joinRoutedFrame(encodeRoutedHeader(header), signature, body);

describe("a routed frame", () => {
  it("reads back as it was written", () => {
    fc.assert(
      fc.property(anyHeader, bytes(64), content, (header, signature, body) => {
        const written = joined(header, signature, body);
        expect(decodeRoutedFrame(written)).toEqual({ ok: true, value: { ...header, signature, content: body } });
        expect(signedPart(written)).toEqual(encodeRoutedHeader(header));
      }),
    );
  });

  it("has its fields at the documented places", () => {
    expect([signedHeaderBytes, routedHeaderBytes]).toEqual([216, 280]);
    fc.assert(
      fc.property(anyHeader, (header) => {
        const written = encodeRoutedHeader(header);
        expect(written.length).toBe(signedHeaderBytes);
        expect([written[0], written[1], written[2], written[3]]).toEqual([1, header.store ? 1 : 0, 1, 0]);
        expect(toBase64url(written.subarray(4, 36))).toBe(header.toMember);
        expect(toBase64url(written.subarray(68, 100))).toBe(header.fromMember);
        expect(toBase64url(written.subarray(100, 132))).toBe(header.fromDevice);
        expect(toBase64url(written.subarray(132, 148))).toBe(header.frameId);
        expect(toBase64url(written.subarray(154, 162))).toBe(header.keyId);
        expect(written.subarray(178, 210)).toEqual(header.encapsulated);
      }),
    );
  });

  it.each([
    [routedHeaderBytes, "malformed_frame"],
    [routedHeaderBytes + 1, undefined],
    [limits.routedFrameBytes - 1, undefined],
    [limits.routedFrameBytes, undefined],
    [limits.routedFrameBytes + 1, "too_large"],
  ])("of %i bytes: %s", (length, code) => {
    const frame = new Uint8Array(length);
    frame.set([1, 0, 1, 0]);
    expect(decodeRoutedFrame(frame)).toMatchObject(code === undefined ? { ok: true } : { ok: false, code });
  });

  it.each([
    [0, 0, "unsupported_version"],
    [0, 2, "unsupported_version"],
    [1, 2, "malformed_frame"],
    [2, 0, "unsupported_version"],
    [2, 2, "unsupported_version"],
    [3, 1, "malformed_frame"],
  ])("with byte %i set to %i is refused with %s", (at, value, code) => {
    const frame = new Uint8Array(300);
    frame.set([1, 0, 1, 0]);
    frame[at] = value;
    expect(decodeRoutedFrame(frame)).toMatchObject({ ok: false, code });
  });

  it("refuses ids that are not of their length when it is written", () => {
    const [header] = fc.sample(anyHeader, 1);
    if (header === undefined) throw new Error("no sample");
    for (const wrong of ["", "AAAA", "!"])
      expect(() => encodeRoutedHeader({ ...header, toMember: wrong })).toThrow(RangeError);
  });

  it("and a delivery are read totally", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        expect([decodeRoutedFrame(input), decodeDelivery(input)].every(isTotal)).toBe(true);
      }),
    );
  });
});

describe("a delivery", () => {
  it("reads back as it was written", () => {
    const mailbox = fc.option(fc.record({ offset: u48, previous: u48, redelivered: fc.boolean() }), { nil: undefined });
    fc.assert(
      fc.property(mailbox, content, (place, frame) => {
        expect(decodeDelivery(encodeDelivery({ mailbox: place, frame }))).toEqual({
          ok: true,
          value: { mailbox: place, frame },
        });
      }),
    );
  });

  it("is refused when it is shorter than its header, empty, or of an unknown kind", () => {
    for (const input of [new Uint8Array(), new Uint8Array(12), new Uint8Array(13), new Uint8Array(20).fill(3)]) {
      expect(decodeDelivery(input)).toMatchObject({ ok: false, code: "malformed_frame" });
    }
  });
});
