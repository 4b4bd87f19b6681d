import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { showSetChange } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const who = input.argument("member");
  const isAdmin = input.switch("admin");
  return withDevice(context, async ({ operator }) => {
    const change = await operator.operators.add(who, isAdmin);
    showSetChange(context, change, `${who} is an operator${isAdmin ? " with admin" : ""}`);
    return 0;
  });
};
