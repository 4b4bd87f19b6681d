import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { showSetChange } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) => {
  const proposal = context.input.argument("proposal");
  return withDevice(context, async ({ operator }) => {
    showSetChange(context, await operator.operators.apply(proposal), "The operators are changed");
    return 0;
  });
};
