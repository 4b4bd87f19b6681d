import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const proposal = input.argument("proposal");
  return withDevice(context, async ({ operator }) => {
    await operator.operators.withdraw(proposal);
    out.result({ withdrawn: proposal }, () => out.line("The proposal is withdrawn."));
    return 0;
  });
};
