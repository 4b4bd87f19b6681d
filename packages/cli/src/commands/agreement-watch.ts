import type { AgreementActView, AgreementSummary, DeviceApi } from "@parley/client";

import { actText, shortAgreement } from "../agreement-view.ts";
import type { CommandModule } from "../command.ts";
import { watchWaiting } from "../waiting-watch.ts";

/** Each act once, also where the process that holds the device changes. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const shown = new Set<string>();
  const show = (agreement: AgreementSummary, act: AgreementActView): void => {
    if (shown.has(act.hash)) return;
    shown.add(act.hash);
    const line = `${shortAgreement(agreement.agreement)}  ${agreement.state.padEnd(9)}  ${actText(act)}`;
    out.event({ type: `agreement.${act.act.type}`, agreement, act }, line);
  };
  let isFirst = true;
  return watchWaiting(context, {
    begin: async ({ device }) => {
      const known = await knownActs(device);
      // What was done before is shown when it is asked for; what is done while the device changes hands always.
      for (const { agreement, act } of known)
        if (input.switch("history") || !isFirst) show(agreement, act);
        else shown.add(act.hash);
      isFirst = false;
      out.note(`@${device.name} waits for what is done. Ctrl-C stops it.`);
    },
    take: async (event) => {
      if (event.type === "agreement") show(event.agreement, event.act);
    },
  });
};

async function knownActs(device: DeviceApi) {
  const known: { agreement: AgreementSummary; act: AgreementActView }[] = [];
  for (const { agreement: id } of await device.agreements.list()) {
    const { acts, ...agreement } = await device.agreements.get(id);
    for (const act of acts) known.push({ agreement, act });
  }
  return known.toSorted((one, other) => one.act.at - other.act.at);
}
