import { describe, expect, it } from "vitest";

import { visible } from "../src/visible.ts";

const escaped = (...points: number[]): string => points.map((point) => `\\u{${point.toString(16)}}`).join("");
const text = (...points: number[]): string => String.fromCodePoint(...points);

describe("text from others", () => {
  it.each([
    ["a terminal's escape", "\u001B[2J", `${escaped(0x1b)}[2J`],
    ["an escape in one character", "\u009B2J", `${escaped(0x9b)}2J`],
    ["a bell and a return", "\u0007\r", escaped(7, 13)],
    ["an override of direction", "abc\u202Ecba", `abc${escaped(0x202e)}cba`],
    ["an isolate", "\u2066x\u2069", `${escaped(0x2066)}x${escaped(0x2069)}`],
    ["a blank of no width", "pass\u200Bword", `pass${escaped(0x200b)}word`],
    ["joiners between letters", "a\u200Db\u200Cc", `a${escaped(0x200d)}b${escaped(0x200c)}c`],
    ["tag characters", text(0xe0069, 0xe0067, 0xe007f), escaped(0xe0069, 0xe0067, 0xe007f)],
    [
      "selectors that carry bytes",
      text(0x61, 0xfe00, 0xfe0a, 0xe0101, 0xe01ef),
      `a${escaped(0xfe00, 0xfe0a, 0xe0101, 0xe01ef)}`,
    ],
    ["a selector of emoji behind a letter", "a\uFE0F", `a${escaped(0xfe0f)}`],
    ["a second selector", "☀\uFE0F\uFE0F\uFE0F", `☀\uFE0F${escaped(0xfe0f, 0xfe0f)}`],
    ["a soft hyphen", "a\u00ADb", `a${escaped(0xad)}b`],
    ["half a pair", "\uD83D", escaped(0xd83d)],
    ["a separator of lines", "a\u2028b", `a${escaped(0x2028)}b`],
  ])("shows %s", (_, given, shown) => {
    expect(visible(given)).toBe(shown);
  });

  it.each([
    ["line feeds and tabs", "a\n\tb"],
    ["emoji of several people", "👩‍👩‍👧‍👦 👍🏽 ☀️ ❤️‍🔥"],
    ["a digit in a box", "1️⃣ #️⃣"],
    ["scripts that join", "می‌خواهم क्‍ष"],
    ["scripts that run the other way", "שלום مرحبا"],
    ["marks above letters", "e\u0301 ñ ố"],
    ["no Latin letter", "東京 Москва Αθήνα"],
  ])("leaves %s", (_, given) => {
    expect(visible(given)).toBe(given);
  });
});
