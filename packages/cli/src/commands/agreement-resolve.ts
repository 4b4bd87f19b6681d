import { type AgreementOutcome, ParleyError } from "@parley/protocol";

import { acting, typed } from "../agreement-access.ts";
import { parsePrice, readEvidence } from "../agreement-terms.ts";
import type { CommandInput } from "../command-context.ts";

export const run = acting(async ({ input, cwd }) => {
  const evidence = await readEvidence(input.texts("evidence"), cwd);
  return {
    type: "resolve",
    outcome: outcomeOf(input),
    ...typed("note", input.text("note")),
    ...(evidence.length === 0 ? {} : { evidence }),
  };
});

function outcomeOf(input: CommandInput): AgreementOutcome {
  const side = input.text("for");
  const price = input.text("price");
  if (side === "both" && price !== undefined) return { for: "both", price: parsePrice(price) };
  if ((side === "worker" || side === "asker") && price === undefined) return { for: side };
  throw new ParleyError("invalid_argument", {
    message: "--for is worker, asker, or both with --price, which says what is to be paid.",
  });
}
