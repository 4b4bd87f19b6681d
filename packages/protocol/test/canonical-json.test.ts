import { canonicalJson, inCanonicalForm } from "@parley/protocol";
import * as fc from "fast-check";
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

  it("orders names by UTF-16 code units and leaves out what is undefined", () => {
    expect(canonicalJson({ b: 1, "\u{1F600}": 2, "\uFB33": 3, a: 4 })).toBe('{"a":4,"b":1,"\u{1F600}":2,"\uFB33":3}');
    expect(
      canonicalJson({
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "1": "One",
        "\u{1F600}": "Smiley",
        gone: undefined,
      }),
    ).toBe('{"\\r":"Carriage Return","1":"One","\u20ac":"Euro Sign","\u{1F600}":"Smiley"}');
  });

  it("does not depend on the order in which a value was made, and says the same as JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        const text = canonicalJson(value);
        expect(canonicalJson(turned)).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(inCanonicalForm(value, text)).toEqual({ ok: true, value });
        expect(inCanonicalForm(value, ` ${text}`)).toMatchObject({ ok: false, code: "invalid_argument" });
      }),
    );
  });

  it.each([
    ["undefined", undefined],
    ["no number", Number.NaN],
    ["half of a character", "\uD800"],
  ])("refuses %s", (_what, value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(inCanonicalForm(value, '"\\ud800"')).toMatchObject({ ok: false, code: "invalid_argument" });
  });
});
