import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Makes a secret, sets it here, and prints it once, for the other side. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const who = input.argument("member");
  return withDevice(context, async ({ device }) => {
    const { name } = await device.memberOf(who);
    const secret = await device.conversations.newSecret(who);
    out.result({ secret }, () => out.line(secret));
    out.note(`From now on every message with @${name} is protected by it, and what comes without it is refused.`);
    out.note("Give it to the other side by another way than this mesh; it is not shown again. They run:");
    out.note(`  parley secret set @${device.name}`);
    return 0;
  });
};
