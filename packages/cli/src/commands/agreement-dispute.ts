import { acting } from "../agreement-access.ts";
import { readEvidence } from "../agreement-terms.ts";

export const run = acting(async ({ input, cwd }) => {
  const evidence = await readEvidence(input.texts("evidence"), cwd);
  return { type: "dispute", reason: input.argument("reason"), ...(evidence.length === 0 ? {} : { evidence }) };
});
