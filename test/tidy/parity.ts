import { existsSync } from "node:fs";
import { join, posix } from "node:path";

import { headingAnchors } from "./markdown.ts";
import { readText, root } from "./repository.ts";

/** A row of docs/parity.md: what an earlier system does, what is here, and what shows it. */
export interface ParityRow {
  readonly id: string;
  readonly there: string;
  readonly here: string;
  readonly shownBy: string;
}

/** Where the page lies; the links in its rows start from there. */
const page = "docs/parity.md";
/** Shorter parts of titles say nothing. */
const shortestFragment = 8;
/** What Vitest runs (vitest.config.ts), and the suites that adapters run. */
const runs =
  /^(?:packages\/[\w-]+\/test\/.+\.test\.ts|test\/(?:tidy|chaos|mutants|sim|integration|e2e|traced|foreign|proxies|programs|browser)\/.+\.test\.ts|packages\/testkit\/src\/compliance\/.+\.ts)$/;

/** The rows of every table of the page: each line that begins with a bar, but headings and rules. */
export function parityRows(text: string): readonly ParityRow[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|(?: Id \||-)/.test(line))
    .map((line) => {
      const [id = "", there = "", here = "", ...rest] = line.slice(1, -1).split("|");
      return { id: id.trim(), there: there.trim(), here: here.trim(), shownBy: rest.join("|").trim() };
    });
}

/** What is wrong with a row, in sentences; none when it is as it should be. */
export function rowProblems(row: ParityRow): readonly string[] {
  const empty = (["id", "there", "here", "shownBy"] as const).filter((cell) => row[cell] === "");
  const references = [...row.shownBy.matchAll(/(comes: )?\[[^\]]+\]\(([^)\s]+)\)(?: `([^`]+)`)?/g)];
  const rest = references.reduce((text, [whole]) => text.replace(whole, ""), row.shownBy).replaceAll(/[;\s]/g, "");
  return [
    ...empty.map((cell) => `has nothing under ${cell}`),
    ...(references.length === 0 ? ["names neither a test nor a step"] : []),
    ...(rest === "" ? [] : [`has something that is neither a test nor a step: ${rest}`]),
    ...references.flatMap(([, comes, target = "", fragment]) =>
      comes === undefined ? testProblems(target, fragment) : stepProblems(target),
    ),
  ].map((problem) => `${row.id === "" ? row.there : row.id} ${problem}`);
}

/** The steps of docs/roadmap.md that a row names, as anchors. */
export function stepsOf(row: ParityRow): readonly string[] {
  return [...row.shownBy.matchAll(/\(roadmap\.md#([^)]+)\)/g)].map(([, step = ""]) => step);
}

/** Anchors of the coming steps: every heading of the roadmap but its title. */
export function roadmapSteps(): readonly string[] {
  return headingAnchors(readText("docs/roadmap.md")).slice(1);
}

function stepProblems(target: string): readonly string[] {
  const [file, step = ""] = target.split("#");
  return file === "roadmap.md" && roadmapSteps().includes(step) ? [] : [`names no step of the roadmap: ${target}`];
}

function testProblems(target: string, fragment = ""): readonly string[] {
  const path = posix.join(posix.dirname(page), target);
  if (!runs.test(path)) return [`names a file that holds no tests: ${path}`];
  if (!existsSync(join(root, path))) return [`names a test file that is not there: ${path}`];
  if (fragment.length < shortestFragment) return [`names no title in ${path}`];
  return titlesOf(readText(path)).some((title) => title.includes(fragment))
    ? []
    : [`names a title that ${path} does not have: ${fragment}`];
}

/** Titles of tests and suites: the first argument of `it`, `test` and `describe`, and of what their `each` returns. */
function titlesOf(source: string): readonly string[] {
  const first = /(?:\b(?:it|test|describe)(?:\.\w+)*|\))\(\s*(["'`])((?:\\[\s\S]|(?!\1)[^\\])*)\1\s*,/g;
  return [...source.matchAll(first)].map(([, , title = ""]) => title);
}
