import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { input, out } = context;
    const who = input.argument("member");
    const { member, number } = await operator.revoke(who, input.text("reason"));
    out.result({ revoked: member, list: number }, () =>
      out.line(`${who} is revoked (list ${number}); the registry and every peer refuse it from now on.`),
    );
    return 0;
  });
