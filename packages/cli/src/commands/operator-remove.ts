import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { showSetChange } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) => {
  const who = context.input.argument("member");
  return withDevice(context, async ({ operator }) => {
    const change = await operator.operators.remove(who);
    showSetChange(context, change, `${who} is no operator any more`);
    return 0;
  });
};
