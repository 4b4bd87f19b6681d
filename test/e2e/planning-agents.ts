/** A planner that has others search in the name of whoever asked it, and a searcher that tells for whom. */
import { createAgent, defineSkill } from "@parley/agent";
import { z } from "zod";

const search = defineSkill({
  id: "search",
  input: z.object({ query: z.string() }),
  output: z.string(),
  run: async ({ query }, { actsFor, progress, signal }) => {
    await progress(`searching for @${actsFor?.name ?? "nobody"}`);
    if (query === "for ever")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    return `${query} for @${actsFor?.name ?? "nobody"}`;
  },
});

const plan = defineSkill({
  id: "plan",
  input: z.object({ query: z.string() }),
  output: z.string(),
  run: async (input, { mesh, progress }) => {
    const delegation = { skill: "search", to: "@searcher", input, onBehalf: true, onProgress: progress } as const;
    return String((await mesh.delegate(delegation)).output);
  },
});

export const searcher = createAgent({ name: "searcher", version: "1.0.0", description: "Searches", skills: [search] });
export const planner = createAgent({ name: "planner", version: "1.0.0", description: "Plans", skills: [plan] });
