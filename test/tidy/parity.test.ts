import { describe, expect, it } from "vitest";

import { parityRows, roadmapSteps, rowProblems, stepsOf } from "./parity.ts";
import { readText } from "./repository.ts";

const rows = parityRows(readText("docs/parity.md"));

describe("docs/parity.md", () => {
  it("has every row of test/tidy/parity-ids.txt, once and in its order", () => {
    const ids = readText("test/tidy/parity-ids.txt").trimEnd().split("\n");
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("says of every row what is there, what is here, and which test or coming step shows it", () => {
    expect(rows.flatMap(rowProblems)).toEqual([]);
  });

  it("names the steps of the roadmap, each in some row", () => {
    expect([...new Set(rows.flatMap(stepsOf))].toSorted()).toEqual(roadmapSteps().toSorted());
  });
});

describe("a row of parity", () => {
  const good = "[links](../test/tidy/links.test.ts) `links only to files`; comes: [the hub](roadmap.md#the-hub)";
  const problemsOf = (...cells: readonly string[]): readonly string[] =>
    parityRows(`| ${cells.join(" | ")} |`).flatMap(rowProblems);

  it("is read with a test, a step, or both", () => {
    expect(problemsOf("x1", "a", "b", good)).toEqual([]);
  });

  it.each([
    ["nothing under it", ["x1", "a", "b", ""]],
    ["nothing there", ["x1", "", "b", good]],
    ["nothing here", ["x1", "a", "", good]],
    ["too few cells", ["x1", "a"]],
    ["something that waits", ["x1", "a", "b", `pending: packages/x; ${good}`]],
    ["a file that is not there", ["x1", "a", "b", "[x](../test/tidy/nowhere.test.ts) `links only to files`"]],
    ["a file without tests", ["x1", "a", "b", "[x](../test/tidy/parity.ts) `links only to files`"]],
    ["a title that is not there", ["x1", "a", "b", "[x](../test/tidy/links.test.ts) `links to everything`"]],
    ["text of a test that is no title", ["x1", "a", "b", "[x](../test/tidy/links.test.ts) `headingAnchors`"]],
    ["no title", ["x1", "a", "b", "[x](../test/tidy/links.test.ts)"]],
    ["a step that is not there", ["x1", "a", "b", "comes: [x](roadmap.md#world-peace)"]],
  ])("is refused with %s", (_title, cells) => {
    expect(problemsOf(...cells)).not.toEqual([]);
  });
});
