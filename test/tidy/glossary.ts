import { readText } from "./repository.ts";

/** docs/glossary.md as rules: the words it refuses and the fixed compounds in which they are right. */
export interface Glossary {
  readonly refused: readonly string[];
  readonly compounds: readonly string[];
}

/** Reads the page: code spans in the third column of its tables are refused words; list items under "Compounds" are allowed. */
export function readGlossary(): Glossary {
  const text = readText("docs/glossary.md");
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  const refused = rows.flatMap((row) => codeSpans(row.split("|")[3] ?? ""));
  const compounds = /^## Compounds$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text)?.[1] ?? "";
  return { refused: [...new Set(refused)], compounds: codeSpans(compounds) };
}

function codeSpans(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
}

/** The refused words in a sentence, in the singular or plural, once the compounds are taken out. */
export function refusedWordsIn(sentence: string, glossary: Glossary): readonly string[] {
  const rest = glossary.compounds.reduce(
    (text, compound) => text.replaceAll(new RegExp(`(?<![\\w-])${escape(compound)}s?(?![\\w-])`, "gi"), " "),
    sentence,
  );
  return glossary.refused.filter((word) => new RegExp(`(?<![\\w-])${escape(word)}s?(?![\\w-])`, "i").test(rest));
}

/** The refused words in an exported name, `UserList` for one. Words with a programming sense are left to reviewers. */
export function refusedWordsInName(name: string, glossary: Glossary): readonly string[] {
  const technical = ["client", "server"];
  const parts = name.split(/(?=[A-Z])|[^A-Za-z]+/).map((part) => part.toLowerCase());
  return glossary.refused.filter(
    (word) => !technical.includes(word) && (parts.includes(word) || parts.includes(`${word}s`)),
  );
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "\\s+");
}
