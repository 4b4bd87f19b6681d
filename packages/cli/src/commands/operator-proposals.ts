import { dayOf } from "../admission-life.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { changeText } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { out } = context;
    const proposals = await operator.operators.proposals();
    out.result({ proposals }, () => {
      if (proposals.length === 0) return out.line("No proposal is open.");
      out.table(
        ["PROPOSAL", "BY", "WHAT", "AGREED", "UNTIL"],
        proposals.map((proposal) => [
          proposal.proposal,
          proposal.byName === undefined ? proposal.by.slice(0, 8) : `@${proposal.byName}`,
          changeText(proposal),
          `${proposal.approved.length} of ${proposal.needed}`,
          dayOf(proposal.expires),
        ]),
      );
    });
    return 0;
  });
