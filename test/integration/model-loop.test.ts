import { defineSkill } from "@parley/agent";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { answers, ModelScene } from "./model-scene.ts";

const weather = defineSkill({
  id: "weather",
  description: "Tells the weather of a town",
  input: z.object({ town: z.string() }),
  output: z.object({ sky: z.string() }),
  run: ({ town }) => ({ sky: town === "Oslo" ? "snow" : "sun" }),
});

describe("an agent with a model", () => {
  it("answers by its skill ask, streams what it writes, and uses its own skills", async () => {
    await using scene = await ModelScene.start(
      answers(
        {
          request: { says: ["How is Oslo?", "@caller"], tools: ["weather", "delegate"] },
          response: {
            answer: { text: "I look it up.", calls: [{ name: "weather", input: { town: "Oslo" } }] },
          },
        },
        {
          request: { results: { count: 1, hold: ["snow"] } },
          response: { answer: { text: "It snows in Oslo, says my weather skill." } },
        },
      ),
    );
    await scene.run({ name: "thinker", skills: [weather] });
    const caller = await scene.scope.join("caller");
    const run = await caller.device.delegate("@thinker", { skill: "ask", text: "How is Oslo?" });
    const { output } = await run.outcome;
    expect(output).toEqual({ answer: "It snows in Oslo, says my weather skill." });
    expect(scene.standIn.refused).toEqual([]);
  });
});
