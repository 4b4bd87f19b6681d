import { showAgreement } from "../agreement-access.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) =>
  withArchive(context, async ({ device }) =>
    showAgreement(context, await device.agreements.get(context.input.argument("agreement"))),
  );
