import { showAgreement, withAgreements } from "../agreement-access.ts";
import { readTerms } from "../agreement-terms.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const { terms, lifeMs } = readTerms(input, input.argument("task"));
  const arbiter = input.text("arbiter");
  return withAgreements(context, async (device) => {
    const proposal = { terms, lifeMs, worksMyself: input.switch("i-work"), arbiter };
    return showAgreement(context, await device.agreements.propose(input.argument("member"), proposal));
  });
};
