/** An agent whose deploy needs a person's yes, and whose paint asks its caller. */
import { createAgent, defineSkill } from "@parley/agent";
import { z } from "zod";

const deploy = defineSkill({
  id: "deploy",
  input: z.object({ to: z.string() }),
  output: z.string(),
  approval: {},
  run: ({ to }) => `deployed to ${to}`,
});

const paint = defineSkill({
  id: "paint",
  input: z.object({}),
  output: z.string(),
  run: async (_input, { ask }) => `painted ${await ask("Which colour?")}, ${await ask("How thick?", { of: "@ada" })}`,
});

export const cautious = createAgent({
  name: "cautious",
  version: "1.0.0",
  description: "Asks before it acts",
  skills: [deploy, paint],
});
