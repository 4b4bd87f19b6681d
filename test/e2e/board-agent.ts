import { createAgent, defineSkill } from "@parley/agent";
import { systemClock } from "@parley/core";
import { z } from "zod";

const shout = defineSkill({
  id: "shout",
  input: z.object({ text: z.string(), seconds: z.number().default(0), fails: z.boolean().default(false) }),
  output: z.object({ said: z.string(), key: z.string() }),
  run: async ({ text, seconds, fails }, { progress, idempotencyKey, signal }) => {
    await progress(`about to shout ${text}`);
    if (fails) throw new Error("no voice");
    if (seconds > 0)
      await new Promise<void>((resolve, reject) => {
        const timer = systemClock.setTimer(seconds * 1000, resolve);
        signal.addEventListener("abort", () => {
          timer.cancel();
          reject(signal.reason as Error);
        });
      });
    return { said: text.toUpperCase(), key: idempotencyKey };
  },
});

/** An agent that turns words into capitals, in its own time, or fails. */
export const shouter = createAgent({
  name: "shouter",
  version: "1.0.0",
  description: "Shouts",
  skills: [shout],
  limits: { concurrentTasks: 2 },
});
