import { defineSkill, ParleyError } from "@parley/agent";
import { z } from "zod";

import { openLibrary } from "../library/library.ts";
import { libraryFolder } from "../library/location.ts";

export const read = defineSkill({
  id: "read",
  name: "Read",
  description: "Returns the whole section that a citation of `search` stands in",
  tags: ["citations"],
  examples: ['{"citation": "glossary.md:5"}'],
  input: z.object({
    citation: z
      .string()
      .max(1_000)
      .regex(/^.+:\d{1,7}$/, "is not of the form file:line"),
  }),
  output: z.object({ file: z.string(), heading: z.string(), line: z.int(), endLine: z.int(), text: z.string() }),
  run: async ({ citation }, { progress }) => {
    const colon = citation.lastIndexOf(":");
    const library = await openLibrary(libraryFolder(), progress);
    // Only what the index holds is looked up: a path that leads elsewhere is simply not there.
    const section = library.sectionAt(citation.slice(0, colon), Number(citation.slice(colon + 1)));
    if (section === undefined)
      throw new ParleyError("not_found", { message: "The library has no such file and line; `search` names some." });
    return section;
  },
});
