import { describe, expect, it } from "vitest";

import { rowProblems } from "./parity.ts";
import { readText } from "./repository.ts";

/** The rows of the tables of threats: those that begin with a letter and a number. */
const rows = readText("docs/threat-model.md")
  .split("\n")
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => line.slice(2, -2).split(" | "));

describe("docs/threat-model.md", () => {
  it("says of every threat what stands against it, which test tries it, and what is left", () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter((cells) => cells.length !== 5)).toEqual([]);
    const problems = rows.flatMap(([id = "", there = "", here = "", shownBy = "", left = ""]) => [
      ...rowProblems({ id, there, here, shownBy }),
      ...(left === "" ? [`${id} says nothing of what is left`] : []),
    ]);
    expect(problems).toEqual([]);
  });

  it("names no threat twice", () => {
    const ids = rows.map(([id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
