import { defineSkill } from "@parley/agent";
import { z } from "zod";

import type { read } from "../../librarian/skills/read.ts";
import type { search } from "../../librarian/skills/search.ts";
import { writeReport } from "../report/markdown.ts";
import { chooseSentences } from "../report/sentences.ts";

const path = z.enum(["direct", "turn", "relay", "mailbox"]);
const delegation = z.object({ skill: z.string(), to: z.string(), path, tookMs: z.number() });

const sentencesPerSource = 2;

export const report = defineSkill({
  id: "report",
  name: "Report",
  description: "Finds a librarian by skill, delegates search and reading, and writes a short report with citations",
  tags: ["report", "citations"],
  examples: ['{"topic": "who may admit a member"}'],
  input: z.object({
    topic: z.string().trim().min(1).max(200),
    sources: z.int().min(1).max(8).default(4),
    /** Paths that the delegations may take. Default: all. */
    paths: z.array(path).min(1).optional(),
  }),
  output: z.object({ markdown: z.string(), sources: z.array(z.string()), delegations: z.array(delegation) }),
  run: async ({ topic, sources: most, paths }, { mesh, progress }) => {
    const allowed = paths === undefined ? {} : { paths };
    const librarian = await mesh.findAgent("search");
    const to = `@${librarian.name}`;
    await progress(`asking ${to}, who offers search`);
    const found = await mesh.delegate<typeof search>({
      skill: "search",
      to,
      input: { query: topic, most },
      ...allowed,
      onProgress: (text) => progress(`${to}: ${text}`),
    });
    await progress(`reading ${found.output.passages.length} sections from ${to}`);
    const sections = await Promise.all(
      found.output.passages.map(async ({ citation }) => {
        const section = await mesh.delegate<typeof read>({ skill: "read", to, input: { citation }, ...allowed });
        return { citation, section };
      }),
    );
    const sources = sections.map(({ citation, section }) => ({
      citation,
      heading: section.output.heading,
      text: section.output.text,
    }));
    await progress("writing");
    const sentences = chooseSentences(topic, sources, sentencesPerSource);
    return {
      markdown: writeReport(topic, sources, sentences),
      sources: sources.map(({ citation }) => citation),
      delegations: [found, ...sections.map(({ section }) => section)].map(({ path, tookMs }, index) => ({
        skill: index === 0 ? "search" : "read",
        to: librarian.name,
        path,
        tookMs: Math.round(tookMs * 10) / 10,
      })),
    };
  },
});
