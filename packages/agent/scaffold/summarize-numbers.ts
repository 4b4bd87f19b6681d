import { defineSkill } from "@parley/agent";
import { z } from "zod";

export const summarizeNumbers = defineSkill({
  id: "summarize_numbers",
  name: "Summarize numbers",
  description: "Counts a list of numbers: sum, mean, median, least, greatest and standard deviation",
  tags: ["numbers"],
  examples: ['{"numbers": [3, 1, 2]}'],
  input: z.object({ numbers: z.array(z.number()).min(1).max(10_000) }),
  output: z.object({
    count: z.number(),
    sum: z.number(),
    mean: z.number(),
    median: z.number(),
    least: z.number(),
    greatest: z.number(),
    deviation: z.number(),
  }),
  run: ({ numbers }) => {
    const sorted = numbers.toSorted((a, b) => a - b);
    const at = (index: number): number => sorted[index] ?? 0;
    const count = sorted.length;
    const sum = sorted.reduce((total, each) => total + each, 0);
    const mean = sum / count;
    const median = (at(Math.floor((count - 1) / 2)) + at(Math.floor(count / 2))) / 2;
    const deviation = Math.sqrt(sorted.reduce((total, each) => total + (each - mean) ** 2, 0) / count);
    return { count, sum, mean, median, least: at(0), greatest: at(count - 1), deviation };
  },
});
