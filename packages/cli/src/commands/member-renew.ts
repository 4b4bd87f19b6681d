import { longestAdmissionMs } from "../admission-life.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { showAdmission } from "./member-change.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const lifeMs = input.duration("life", longestAdmissionMs);
  return withDevice(context, async ({ operator }) => {
    showAdmission(context, await operator.renew(input.argument("member"), lifeMs));
    return 0;
  });
};
