import { actionText, findAsked } from "@parley/client";
import { canonicalJson } from "@parley/core";
import { visible } from "@parley/protocol";

import { factsJson, factsOf, nextText, printFacts } from "../approval-view.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";

/** Shows all of one request, with the text that its digest is of. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  return withArchive(context, async ({ device }) => {
    const facts = await factsOf(device, findAsked(await device.approvals.list(), input.argument("request")));
    const { what, request, at, expires } = facts.asked;
    const canonical = what.type === "action" ? canonicalJson(what.action) : undefined;
    out.result({ ...factsJson(facts), ...(canonical === undefined ? {} : { canonical }) }, () => {
      printFacts(context, facts, Date.now());
      for (const [name, says] of [
        ["request", request],
        ["since", formatTime(at)],
        ["until", formatTime(expires)],
      ] as const)
        out.line(`  ${out.style("dim", name.padEnd(8))} ${says}`);
      out.line();
      out.line(visible(what.type === "action" ? actionText(what.action, 2) : what.text));
      if (canonical !== undefined) {
        out.line();
        out.line(out.style("dim", "The digest is the SHA-256, in base64url, of exactly this:"));
        out.line(visible(canonical));
      }
      out.note(`Next: ${nextText(facts)}`);
    });
    return 0;
  });
};
