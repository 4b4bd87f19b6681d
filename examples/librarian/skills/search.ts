import { defineSkill } from "@parley/agent";
import { z } from "zod";

import { openLibrary } from "../library/library.ts";
import { libraryFolder } from "../library/location.ts";

const passage = z.object({
  /** `file:line`, as `read` takes it. */
  citation: z.string(),
  heading: z.string(),
  text: z.string(),
  score: z.number(),
});

/** Characters of a passage; `read` has the rest. */
const passageCharacters = 600;

export const search = defineSkill({
  id: "search",
  name: "Search",
  description: "Finds the passages of the library that answer a question, best first, each with its citation",
  tags: ["search", "citations"],
  examples: ['{"query": "how does a member join", "most": 3}'],
  input: z.object({ query: z.string().trim().min(1).max(500), most: z.int().min(1).max(20).default(5) }),
  output: z.object({ passages: z.array(passage), sections: z.int(), files: z.int() }),
  run: async ({ query, most }, { progress, signal }) => {
    const library = await openLibrary(libraryFolder(), progress);
    signal.throwIfAborted();
    await progress(`searching ${library.sections} sections of ${library.files} files`);
    const hits = library.search(query, most);
    await progress(`found ${hits.length} ${hits.length === 1 ? "passage" : "passages"}`);
    return {
      passages: hits.map(({ section, score, line }) => ({
        citation: `${section.file}:${line}`,
        heading: section.heading,
        text: section.text.slice(0, passageCharacters),
        score: Math.round(score * 100) / 100,
      })),
      sections: library.sections,
      files: library.files,
    };
  },
});
