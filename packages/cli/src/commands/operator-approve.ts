import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { changeText, showSetChange } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) => {
  const id = context.input.argument("proposal");
  return withDevice(context, async ({ operator: { operators } }) => {
    const proposal = (await operators.proposals()).find((one) => one.proposal.startsWith(id));
    if (proposal !== undefined) context.out.note(`You agree that ${changeText(proposal)}.`);
    showSetChange(context, await operators.approve(id), "The operators are changed");
    return 0;
  });
};
