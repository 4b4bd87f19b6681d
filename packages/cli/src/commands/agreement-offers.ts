import type { OfferView } from "@parley/client";
import { visible } from "@parley/protocol";

import { priceText } from "../agreement-terms.ts";
import { shortAgreement } from "../agreement-view.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

const mostPages = 20;

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const skill = input.text("skill");
  return withDevice(context, async ({ device }) => {
    const offers: OfferView[] = [];
    let after: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const found = await device.agreements.offers({ skill, after });
      offers.push(...found.offers);
      after = found.next;
      if (after === undefined) break;
    }
    out.result({ offers }, () => {
      if (offers.length === 0) return out.line("No offer is open.");
      out.table(
        ["ID", "FROM", "SKILL", "PRICE", "TIME LEFT", "TASK"],
        offers.map(({ agreement, name, skill: of, terms, until }) => [
          shortAgreement(agreement),
          `@${name}`,
          of,
          terms.price === undefined ? "" : priceText(terms.price),
          formatDuration(Math.max(0, until - Date.now())),
          visible(terms.task),
        ]),
        { cutLast: true },
      );
      out.note("Next: parley agreement take ID");
    });
    return 0;
  });
};
