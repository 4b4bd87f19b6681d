import { describe, expect, it } from "vitest";

import { cutLine, lineWidth, padLine, span, spreadLine } from "../src/text/span.ts";
import { screenLine, screenText, textWidth } from "../src/text/text-width.ts";
import { backgroundOf, paintLine } from "../src/text/theme.ts";
import { wrapSpans } from "../src/text/wrap.ts";

const texts = (lines: readonly (readonly { text: string }[])[]): readonly string[] =>
  lines.map((line) => line.map(({ text }) => text).join(""));

describe("text from outside", () => {
  it.each([
    ["\u001B[31mred\u0007", String.raw`\u{1b}[31mred\u{7}`],
    ["a\u202Eb\u2066c", String.raw`a\u{202e}b\u{2066}c`],
    ["zero\u200Bwidth \u{E0041}tags", String.raw`zero\u{200b}width \u{e0041}tags`],
    ["\u009B2J", String.raw`\u{9b}2J`],
    ["a\tb\r\nc", "a    b\nc"],
    ["\uD800", String.raw`\u{d800}`],
  ])("cannot steer a terminal: %j", (given, shown) => {
    expect(screenText(given)).toBe(shown);
  });

  it("has the same width on every terminal", () => {
    expect(textWidth(screenText("👨‍👩‍👧"))).toBe(6);
    expect(screenText("❤️")).toBe("❤");
    expect(textWidth(screenText("👍🏽"))).toBe(2);
    expect(textWidth(screenText("全角"))).toBe(4);
    expect(textWidth(screenText("한국어"))).toBe(6);
  });

  it("does not paint over its neighbours with piled marks", () => {
    expect(Array.from(screenText(`e${"\u0301".repeat(50)}`))).toHaveLength(4);
    expect(screenText("\u0301x").startsWith("◌")).toBe(true);
  });

  it("stays in its line where there is only one", () => {
    expect(screenLine("two\n lines")).toBe("two lines");
  });
});

describe("lines", () => {
  it("break between words where they can, and inside them where they must", () => {
    expect(texts(wrapSpans([span("one two three")], 7))).toEqual(["one two", "three"]);
    expect(texts(wrapSpans([span("abcdefghij")], 4))).toEqual(["abcd", "efgh", "ij"]);
    expect(texts(wrapSpans([span("全角文字です")], 5))).toEqual(["全角", "文字", "です"]);
    expect(texts(wrapSpans([span("a\n\nb")], 5))).toEqual(["a", "", "b"]);
    expect(texts(wrapSpans([span("")], 5))).toEqual([""]);
  });

  it("are never more than a screen can bear", () => {
    expect(texts(wrapSpans([span("x\n".repeat(399))], 30)).at(-1)).toBe("");
    const long = wrapSpans([span("x\n".repeat(5000))], 30);
    expect(long).toHaveLength(400);
    expect(texts(long).at(-1)).toBe("… the rest is not shown");
  });

  it("are cut and filled to a width, wide characters whole", () => {
    expect(texts([cutLine([span("abcdef")], 4)])).toEqual(["abc…"]);
    expect(texts([cutLine([span("全角文字")], 4)])).toEqual(["全…"]);
    expect(lineWidth(padLine([span("全")], 5))).toBe(5);
    expect(texts([spreadLine([span("left")], [span("right")], 12)])).toEqual(["left   right"]);
    expect(lineWidth(spreadLine([span("left".repeat(9))], [span("right")], 12))).toBe(12);
  });

  it("are painted without colours where there are none", () => {
    const line = [span("!", { color: "red", bold: true })];
    expect(paintLine(line, true)).toBe("\u001B[1;31m!\u001B[0m");
    expect(paintLine(line, false)).toBe("\u001B[1m!\u001B[0m");
  });
});

it.each([
  ["rgb:1e1e/1e1e/1e1e", "dark"],
  ["rgb:ffff/ffff/ffff", "light"],
  ["15;0", "dark"],
  ["0;15", "light"],
  [undefined, "unknown"],
  ["nonsense", "unknown"],
] as const)("takes %s for %s", (said, background) => {
  expect(backgroundOf(said)).toBe(background);
});
