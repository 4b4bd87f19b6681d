import { describe, expect, it } from "vitest";

import { filesMatching, readText } from "./repository.ts";

const readmeMaxLines = 150;

describe.each(filesMatching("README.md"))("%s", (path) => {
  it("fits a newcomer's patience", () => {
    expect(readText(path).split("\n").length).toBeLessThanOrEqual(readmeMaxLines);
  });

  it("names the two commands that do everything", () => {
    expect(readText(path)).toContain("npm start");
    expect(readText(path)).toContain("npm test");
  });
});

describe("decision records", () => {
  it("are numbered in a row and named for what they decide", () => {
    const names = filesMatching("docs/adr/*.md").map((path) => path.replace("docs/adr/", ""));
    const numbers = names
      .filter((name) => name !== "README.md")
      .map((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]);
    expect(numbers).toEqual(numbers.map((_, index) => String(index).padStart(4, "0")));
  });
});
