import { showAgreement, withAgreements } from "../agreement-access.ts";
import { readTerms } from "../agreement-terms.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const agreement = input.argument("agreement");
  return withAgreements(context, async (device) => {
    const before = await device.agreements.get(agreement);
    const { terms, lifeMs } = readTerms(input, input.text("task"), before.terms);
    return showAgreement(context, await device.agreements.act(agreement, { type: "counter", terms, lifeMs }));
  });
};
