import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { scanFolder } from "../../examples/librarian/library/folder.ts";
import { openLibrary } from "../../examples/librarian/library/library.ts";
import { sectionsOf } from "../../examples/librarian/library/sections.ts";
import { writeReport } from "../../examples/reporter/report/markdown.ts";
import { chooseSentences, sentencesOf } from "../../examples/reporter/report/sentences.ts";

function libraryOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-library-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const quiet = (): void => {};

describe("the librarian's sections", () => {
  it("end where headings begin, know their lines, and leave code alone", () => {
    const text = "Before\n# One\na\n```\n# not a heading\n```\n## Two\n\nb\n# Three";
    expect(sectionsOf({ name: "f.md", text })).toEqual([
      { file: "f.md", heading: "f.md", line: 1, endLine: 1, text: "Before" },
      { file: "f.md", heading: "One", line: 2, endLine: 6, text: "# One\na\n```\n# not a heading\n```" },
      { file: "f.md", heading: "One › Two", line: 7, endLine: 9, text: "## Two\n\nb" },
      { file: "f.md", heading: "Three", line: 10, endLine: 10, text: "# Three" },
    ]);
  });

  it("stay short in a text without headings", () => {
    const text = Array.from({ length: 300 }, (_, index) => (index % 10 === 9 ? "" : `line ${index}`)).join("\n");
    const sections = sectionsOf({ name: "f.txt", text });
    expect(sections.length).toBeGreaterThan(2);
    expect(sections.every(({ line, endLine }) => endLine - line <= 90)).toBe(true);
    expect(sections.at(-1)?.endLine).toBe(300);
  });
});

describe("the librarian's library", () => {
  it("ranks the section that answers first and cites the line", async () => {
    const folder = libraryOf({
      "a.md": "# Fruit\n\nApples are red.\nPears are green.",
      "deep/b.md": "# Cars\n\nCars are fast.",
      "c.txt": "Nothing of note.",
    });
    const library = await openLibrary(folder, quiet);
    const [hit] = library.search("which fruit is green", 5);
    expect(hit).toMatchObject({ section: { file: "a.md", heading: "Fruit" }, line: 4 });
    expect(library.search("cars", 5)).toMatchObject([{ section: { file: "deep/b.md" } }]);
    expect(library.search("the and of", 5)).toEqual([]);
  });

  it("holds nothing from outside its folder, whichever way it is asked", async () => {
    const outside = libraryOf({ "secret.md": "# Secret\n\nhunter2" });
    const folder = libraryOf({
      "a.md": "# A\n\ntext",
      ".hidden.md": "hidden",
      "b.json": "{}",
      "node_modules/x/c.md": "x",
    });
    symlinkSync(join(outside, "secret.md"), join(folder, "link.md"));
    symlinkSync(outside, join(folder, "linked"));
    expect((await scanFolder(folder)).paths.map((path) => path.split("/").at(-1))).toEqual(["a.md"]);
    const library = await openLibrary(folder, quiet);
    for (const file of [
      "link.md",
      "linked/secret.md",
      "../secret.md",
      join(outside, "secret.md"),
      ".hidden.md",
      "__proto__",
    ]) {
      expect(library.sectionAt(file, 1)).toBeUndefined();
    }
    expect(library.sectionAt("a.md", 3)).toMatchObject({ heading: "A" });
    expect(library.search("hunter2", 5)).toEqual([]);
  });

  it("says when there is no folder", async () => {
    await expect(openLibrary(join(libraryOf({}), "away"), quiet)).rejects.toMatchObject({
      code: "storage_unavailable",
    });
  });
});

describe("the reporter", () => {
  const source = {
    citation: "a.md:1",
    heading: "Guide › Delivery",
    text: "# Delivery\n\nA message is delivered once a device has committed it. It has its own number.\n\n| State | Means |\n|---|---|\n| stored | the mailbox of the recipient has the message |\n\n```\ndelivered in code is not prose at all\n```",
  };

  it("takes sentences from prose and tables, none from code", () => {
    expect(sentencesOf(source.text)).toEqual([
      "A message is delivered once a device has committed it.",
      "stored: the mailbox of the recipient has the message.",
    ]);
  });

  it("writes what shares words with the topic, each with its source", () => {
    const sentences = chooseSentences("when is a message delivered", [source], 1);
    expect(writeReport("when is a message\n# delivered", [source], sentences)).toBe(
      "# When is a message delivered\n\n**Delivery.** A message is delivered once a device has committed it. [1]\n\n## Sources\n\n1. `a.md:1` Guide › Delivery\n",
    );
  });

  it("says so when the sources are silent", () => {
    expect(writeReport("bees", [source], chooseSentences("bees", [source], 2))).toContain(
      "The sources say nothing about this.",
    );
  });
});
