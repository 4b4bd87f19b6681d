import { showAgreement, withAgreements } from "../agreement-access.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) =>
  withAgreements(context, async (device) =>
    showAgreement(context, await device.agreements.take(context.input.argument("agreement"))),
  );
