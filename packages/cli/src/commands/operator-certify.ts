import { dayOf } from "../admission-life.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { out } = context;
    const expires = await operator.operators.certify();
    out.result({ certifiedUntil: expires }, () =>
      out.line(`The registry's node is certified until ${dayOf(expires)}.`),
    );
    return 0;
  });
