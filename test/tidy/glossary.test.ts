import { describe, expect, it } from "vitest";

import { readGlossary, refusedWordsIn, refusedWordsInName } from "./glossary.ts";
import { proseLines } from "./markdown.ts";
import { publicNames } from "./public-names.ts";
import { filesMatching, readText, withoutComments } from "./repository.ts";

const glossary = readGlossary();
const pages = filesMatching("*.md", "docs/**/*.md").filter((path) => path !== "docs/glossary.md");

describe("the glossary's words", () => {
  it("are read from its page", () => {
    expect(glossary.refused).toEqual(expect.arrayContaining(["user", "client", "server", "broker", "dashboard"]));
    expect(glossary.compounds).toContain("MCP server");
  });

  it("refuse the words they replace, and only outside compounds", () => {
    expect(refusedWordsIn("Every user has an account.", glossary)).toEqual(["user", "account"]);
    expect(refusedWordsIn("An MCP server speaks to a Username-less superuser.", glossary)).toEqual([]);
    expect(refusedWordsInName("listUsers", glossary)).toEqual(["user"]);
    expect(refusedWordsInName("IceServer", glossary)).toEqual([]);
  });

  it.each(pages)("are kept in %s", (page) => {
    const wrong = proseLines(readText(page)).flatMap((line, index) =>
      refusedWordsIn(line, glossary).map((word) => `${page}:${index + 1}: ${word}`),
    );
    expect(wrong).toEqual([]);
  });

  it("are kept in the sentences that the command prints", () => {
    const wrong = filesMatching("packages/cli/src/**/*.ts").flatMap((path) =>
      sentencesOf(readText(path)).flatMap((sentence) =>
        refusedWordsIn(sentence, glossary).map((word) => `${path}: ${word} in "${sentence}"`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("are kept in the names that packages export", () => {
    const wrong = filesMatching("packages/*/src/index.ts").flatMap((path) =>
      publicNames(readText(path)).flatMap((name) =>
        refusedWordsInName(name, glossary).map((word) => `${path}: ${word} in ${name}`),
      ),
    );
    expect(wrong).toEqual([]);
  });
});

/** String literals of at least two words: those are for people. */
function sentencesOf(source: string): readonly string[] {
  const literals = withoutComments(source).matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  return [...literals]
    .map((match) => (match[1] ?? match[2] ?? "").replaceAll(/\$\{[^}]*\}/g, " "))
    .filter((text) => /[a-z] [a-z]/i.test(text));
}
