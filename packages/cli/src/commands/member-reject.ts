import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { input, out } = context;
    const pending = await operator.pendingOf(input.argument("member"));
    await operator.reject(pending, input.text("reason"));
    out.result({ rejected: pending.name, pairing: pending.pairing }, () =>
      out.line(`The request of @${pending.name} is rejected.`),
    );
    return 0;
  });
