import { acting, typed } from "../agreement-access.ts";
import { readEvidence } from "../agreement-terms.ts";

export const run = acting(async ({ input, cwd }) => {
  const evidence = await readEvidence(input.texts("evidence"), cwd);
  return { type: "deliver", ...typed("note", input.text("note")), ...(evidence.length === 0 ? {} : { evidence }) };
});
