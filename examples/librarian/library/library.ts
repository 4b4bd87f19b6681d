import MiniSearch from "minisearch";

import { type FolderState, readTexts, scanFolder } from "./folder.ts";
import { type Section, sectionsOf } from "./sections.ts";

export interface Hit {
  readonly section: Section;
  readonly score: number;
  /** First line of the section that has a word of the query, from 1. */
  readonly line: number;
}

/** Words too common to choose a section by. */
const common = new Set(
  "a an and are as at be by for from has have how in is it its may of on or that the this to what when where which who why with".split(
    " ",
  ),
);

/** The sections of one folder, ranked on demand by BM25+. */
export class Library {
  readonly files: number;
  readonly #sections: readonly Section[];
  readonly #index: MiniSearch<{ id: number; heading: string; text: string; file: string }>;

  private constructor(files: number, sections: readonly Section[]) {
    this.files = files;
    this.#sections = sections;
    this.#index = new MiniSearch({
      fields: ["heading", "text", "file"],
      processTerm: (term) => (common.has(term.toLowerCase()) ? null : term.toLowerCase()),
      searchOptions: {
        boost: { heading: 3, file: 2 },
        prefix: (term) => term.length > 3,
        fuzzy: (term) => (term.length > 5 ? 0.15 : false),
      },
    });
  }

  /** Reads and indexes a folder. */
  static async open(
    folder: string,
    state: FolderState,
    progress: (text: string) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<Library> {
    const sections: Section[] = [];
    let files = 0;
    for await (const file of readTexts(folder, state)) {
      signal?.throwIfAborted();
      sections.push(...sectionsOf(file));
      files++;
      if (files % 250 === 0) await progress(`reading: ${files} of ${state.paths.length} files`);
    }
    const library = new Library(files, sections);
    await progress(`indexing ${sections.length} sections of ${files} files`);
    await library.#index.addAllAsync(sections.map(({ heading, text, file }, id) => ({ id, heading, text, file })));
    return library;
  }

  get sections(): number {
    return this.#sections.length;
  }

  search(query: string, most: number): readonly Hit[] {
    return this.#index
      .search(query)
      .slice(0, most)
      .flatMap(({ id, score, terms }) => {
        const section = this.#sections[Number(id)];
        return section === undefined ? [] : [{ section, score, line: lineOf(section, terms) }];
      });
  }

  /** The section around a line of a file that was indexed; undefined where there is none. */
  sectionAt(file: string, line: number): Section | undefined {
    return this.#sections.find((section) => section.file === file && section.line <= line && line <= section.endLine);
  }
}

function lineOf(section: Section, terms: readonly string[]): number {
  const index = section.text
    .split("\n")
    .findIndex((line, at) => at > 0 && terms.some((term) => line.toLowerCase().includes(term)));
  return section.line + Math.max(0, index);
}

/** How long a folder counts as unchanged without another look. */
const freshMs = 2_000;

let current:
  | { readonly folder: string; readonly stamp: string; readonly opened: Promise<Library>; checked: number }
  | undefined;

/** The library of a folder: indexed on first use, and again when a file has changed. */
export async function openLibrary(folder: string, progress: (text: string) => void): Promise<Library> {
  if (current?.folder === folder && performance.now() - current.checked < freshMs) return current.opened;
  const state = await scanFolder(folder);
  if (current?.folder !== folder || current.stamp !== state.stamp) {
    const library = Library.open(folder, state, progress);
    current = { folder, stamp: state.stamp, opened: library, checked: performance.now() };
    library.catch(() => {
      current = undefined;
    });
  }
  current.checked = performance.now();
  return current.opened;
}
