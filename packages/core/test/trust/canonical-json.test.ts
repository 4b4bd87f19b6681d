import { canonicalJson, digestOf, sha256 } from "@parley/core";
import { describe, expect, it } from "vitest";

describe("canonical JSON", () => {
  it("is the example of RFC 8785 section 3.2.3", () => {
    const value = {
      numbers: [333_333_333.333_333_3, 1e30, 4.5, 2e-3, 0.000_000_000_000_000_000_000_000_001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  it("orders names by UTF-16 code units and gives one digest to whatever order", async () => {
    expect(canonicalJson({ b: 1, "\u{1F600}": 2, "\uFB33": 3, a: 4 })).toBe('{"a":4,"b":1,"\u{1F600}":2,"\uFB33":3}');
    expect(await digestOf({ a: 1, b: [2] })).toBe(await digestOf({ b: [2], a: 1 }));
    expect(await digestOf({ a: 1 })).toBe(await sha256('{"a":1}'));
  });

  it.each([
    ["undefined", undefined],
    ["no number", Number.NaN],
    ["half of a character", "\uD800"],
  ])("refuses %s", (_what, value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});
