import { expect, it } from "vitest";

import { generatedFiles } from "../../scripts/docs/generated-files.ts";
import { readText } from "./repository.ts";

const files = [...(await generatedFiles())];

it.each(files)("%s is what npm run docs:update makes", (path, text) => {
  expect(readText(path)).toBe(text);
});

it("every table of docs/protocol.md is between its markers", () => {
  const page = readText("docs/protocol.md");
  const names = [...page.matchAll(/<!-- generated: (\w+) -->/g)].map((match) => match[1] ?? "");
  expect(new Set(names)).toEqual(new Set(["kinds", "pushes", "requests", "routes", "statements"]));
});
