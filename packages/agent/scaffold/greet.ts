import { defineSkill } from "@parley/agent";
import { z } from "zod";

export const greet = defineSkill({
  id: "greet",
  name: "Greet",
  description: "Says hello, and who asked for it",
  tags: ["sample"],
  examples: ['{"name": "Ada"}'],
  input: z.object({ name: z.string().min(1).max(80) }),
  output: z.object({ greeting: z.string() }),
  run: async ({ name }, { from, progress }) => {
    await progress("thinking of something kind");
    return { greeting: `Hello ${name}! @${from.name} asked me to greet you.` };
  },
});
