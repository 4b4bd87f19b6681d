import { shortRequest } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";

/** Ends a standing approval, on the side of who gave it or of the agent that holds it. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  return withArchive(context, async ({ device }) => {
    const text = input.argument("standing");
    const standing = await device.approvals.standing();
    const fitting = standing.filter(
      ({ id }) => text !== "" && (id.startsWith(text) || shortRequest(id).startsWith(text)),
    );
    const [one] = fitting;
    if (one === undefined)
      throw new ParleyError("not_found", {
        message: `There is no standing approval ${text}; see \`parley approval standing list\`.`,
      });
    if (fitting.length > 1)
      throw new ParleyError("invalid_argument", {
        message: `"${text}" fits ${fitting.length}; say more of one of these: ${fitting.map(({ id }) => id).join(", ")}.`,
      });
    await device.approvals.endStanding(one.id);
    out.result({ ended: one.id }, () => out.line(`${shortRequest(one.id)}  ended.`));
    return 0;
  });
};
