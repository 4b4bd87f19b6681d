import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Ends the sessions that a member has now. It may come back. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const { member, name } = await device.memberOf(input.argument("member"));
    const { sessions } = await device.request("member.kick", { member });
    out.result({ member, name, sessions }, () =>
      out.line(
        sessions === 0
          ? `@${name} is not connected.`
          : `${sessions} sessions of @${name} were ended; it may come back.`,
      ),
    );
    return 0;
  });
