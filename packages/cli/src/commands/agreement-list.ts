import { agreementStates } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { agreementTable } from "../agreement-view.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const states = input.text("state")?.split(",");
  const known: ReadonlySet<string> = new Set(agreementStates);
  if (states?.every((state) => known.has(state)) === false)
    throw new ParleyError("invalid_argument", { message: `--state is some of ${agreementStates.join(", ")}.` });
  return withArchive(context, async ({ device }) => {
    const all = await device.agreements.list();
    const agreements = all.filter(({ state }) => states === undefined || states.includes(state));
    out.result({ agreements }, () => {
      if (agreements.length === 0) return out.line("There are no agreements.");
      agreementTable(context, agreements, device.member);
    });
    return 0;
  });
};
