import { limits, parseJson } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isTotal } from "./frames.ts";

const nested = (depth: number, open = "[", close = "]"): string =>
  `${open.repeat(depth)}${open === "[" ? "" : "1"}${close.repeat(depth)}`;

describe("JSON from outside", () => {
  it.each([
    [limits.jsonDepth - 1, true],
    [limits.jsonDepth, true],
    [limits.jsonDepth + 1, false],
    [100_000, false],
  ])("may be nested %i deep: %s", (depth, ok) => {
    for (const text of [nested(depth), nested(depth, '{"a":', "}")]) {
      expect(parseJson(text, 1_000_000)).toMatchObject(ok ? { ok } : { ok, code: "too_large" });
    }
  });

  it("does not count brackets inside strings", () => {
    const brackets = "[".repeat(100);
    for (const value of [brackets, `\\"${brackets}`, `"${brackets}`, `${brackets}\\`]) {
      expect(parseJson(JSON.stringify([value]), 10_000)).toEqual({ ok: true, value: [value] });
    }
  });

  it("counts brackets after a string that ends in a backslash", () => {
    expect(parseJson(`["\\\\",${nested(limits.jsonDepth)}]`, 10_000)).toMatchObject({ ok: false, code: "too_large" });
  });

  it("does not let closing brackets pay for opening ones", () => {
    expect(parseJson(`${"]".repeat(100)}${"[".repeat(120)}`, 10_000)).toMatchObject({ ok: false });
  });

  it.each([
    [9, true],
    [10, true],
    [11, false],
  ])("may be %i characters long where 10 are allowed: %s", (length, ok) => {
    expect(parseJson(`"${"a".repeat(length - 2)}"`, 10)).toMatchObject(ok ? { ok } : { ok, code: "too_large" });
  });

  it.each(["", "{", "nul", "[1,]", "'a'", "\u0000", '"\n"', "NaN"])(
    "is a coded error when it is not JSON: %j",
    (text) => {
      expect(parseJson(text, 100)).toMatchObject({ ok: false, code: "invalid_argument" });
    },
  );

  it("is read totally, and as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const result = parseJson(text, 100_000);
        expect(isTotal(result)).toBe(true);
        expect(result).toEqual(result.ok ? { ok: true, value: JSON.parse(text) as unknown } : result);
      }),
    );
  });
});
