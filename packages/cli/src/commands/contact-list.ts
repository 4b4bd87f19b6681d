import type { ContactStanding } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";
import { secretText, standingText, trustText } from "../contact-view.ts";
import { nameOf } from "../delivery-table.ts";

const standings: readonly ContactStanding[] = ["request", "accepted", "blocked", "unknown"];

/** Lists the members that wrote, were written to, or were decided about. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const typed = input.text("standing");
  const standing = standings.find((each) => each === typed);
  if (typed !== undefined && standing === undefined)
    throw new ParleyError("invalid_argument", { message: `--standing must be one of ${standings.join(", ")}.` });
  return withArchive(context, async ({ device }) => {
    const contacts = await device.conversations.contacts(standing);
    out.result({ contacts }, () => {
      if (contacts.length === 0) return out.line("Nobody.");
      out.table(
        ["MEMBER", "STANDING", "KEY", "SECRET"],
        contacts.map(({ name, member, ...view }) => [
          nameOf(name, member),
          standingText[view.standing],
          trustText[view.trust],
          secretText[view.secret],
        ]),
      );
      if (contacts.some((contact) => contact.standing === "request"))
        out.note("A request waits: parley contact accept @name, or parley contact block @name.");
    });
    return 0;
  });
};
