import { describe, expect, it } from "vitest";

import { filesMatching, readText } from "./repository.ts";

const page = "docs/what-the-registry-sees.md";
const rows = readText(page)
  .split("\n")
  .filter((line) => /^\| (?!Where|-)/.test(line))
  .map((line) => line.split(" | "));
const titlesNamed = rows.map((cells) => /^`(.+)` \|$/.exec(cells.at(-1) ?? "")?.[1]);
const titles = filesMatching("test/e2e/what-the-registry-sees.test.ts", "test/foreign/turn-capture.test.ts")
  .flatMap((path) => [...readText(path).matchAll(/^ *it\(\s*"([^"]+)"/gm)])
  .map((match) => match[1] ?? "");

describe("docs/what-the-registry-sees.md", () => {
  it("has a row of five cells for everything, and each names its test", () => {
    expect(rows.filter((cells) => cells.length !== 5)).toEqual([]);
    expect(titlesNamed.filter((title) => title === undefined)).toEqual([]);
  });

  it("names tests that exist, and every test of the capture has its row", () => {
    expect(new Set(titlesNamed)).toEqual(new Set(titles));
    expect(titlesNamed).toHaveLength(titles.length);
  });
});
