import type { DeviceApi } from "@parley/client";

import { type ApprovalFacts, factsJson, factsOf, leftText, nextText, printFacts, whatText } from "../approval-view.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { watchWaiting } from "../waiting-watch.ts";

/** Lists what waits for this member's word; with `--follow` also what comes. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  if (input.switch("follow")) return follow(context);
  return withArchive(context, async ({ device }) => {
    const waiting = await allFacts(device);
    out.result({ approvals: waiting.map(factsJson) }, () => {
      if (waiting.length === 0) return out.line("Nothing waits for your word.");
      const now = Date.now();
      for (const facts of waiting) printFacts(context, facts, now);
      out.note(`Next: ${nextText(waiting[0] as ApprovalFacts)}`);
    });
    return 0;
  });
};

const allFacts = async (device: DeviceApi): Promise<readonly ApprovalFacts[]> =>
  Promise.all((await device.approvals.list()).map((asked) => factsOf(device, asked)));

function follow(context: CommandContext): ReturnType<CommandModule["run"]> {
  const { out } = context;
  const shown = new Map<string, string>();
  const show = (facts: ApprovalFacts): void => {
    if (shown.has(facts.asked.request)) return;
    shown.set(facts.asked.request, facts.id);
    if (out.json) return out.event({ type: "asked", ...factsJson(facts) }, whatText(facts));
    printFacts(context, facts, Date.now());
    out.note(out.style("dim", `${leftText(facts.asked.expires, Date.now())} left: ${nextText(facts)}`));
  };
  return watchWaiting(context, {
    begin: async ({ device }) => {
      for (const facts of await allFacts(device)) show(facts);
      out.note(`@${device.name} waits for what is asked. Ctrl-C stops it.`);
    },
    take: async (event, { device }) => {
      if (event.type === "approval-asked") show(await factsOf(device, event.asked));
      if (event.type !== "approval-closed") return;
      const id = shown.get(event.request) ?? event.request;
      out.event({ type: "closed", request: event.request, state: event.state }, `${id}  ${event.state}`);
    },
  });
}
