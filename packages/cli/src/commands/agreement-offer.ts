import { ParleyError } from "@parley/protocol";

import { showAgreement, withAgreements } from "../agreement-access.ts";
import { readTerms } from "../agreement-terms.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const { terms, lifeMs } = readTerms(input, input.argument("task"));
  if (terms.skill === undefined)
    throw new ParleyError("invalid_argument", { message: "--skill says who may take the offer: who has it." });
  return withAgreements(context, async (device) =>
    showAgreement(
      context,
      await device.agreements.propose(undefined, { terms, lifeMs, arbiter: input.text("arbiter") }),
    ),
  );
};
