import { describe, expect, it } from "vitest";

import { fromBase64url, toBase64url } from "../src/ids.ts";

describe("base64url", () => {
  it("is what RFC 4648 says, for every length and every byte", () => {
    for (let length = 0; length < 70; length++) {
      const bytes = new Uint8Array(length).map((_, index) => (index * 37 + length * 11) & 255);
      expect(toBase64url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
    }
    const all = new Uint8Array(768).map((_, index) => (index % 3 === 0 ? index / 3 : 255 - (index >> 2)));
    expect(toBase64url(all)).toBe(Buffer.from(all).toString("base64url"));
    expect(fromBase64url(toBase64url(all))).toEqual(all);
  });

  it("has one spelling for each value", () => {
    expect(fromBase64url("AA")).toEqual(new Uint8Array([0]));
    for (const text of ["AB", "A", "AA==", "A+", "A/", "é"]) expect(fromBase64url(text)).toBeUndefined();
  });
});
