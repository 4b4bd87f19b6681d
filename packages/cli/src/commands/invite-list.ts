import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { out } = context;
    const invites = await operator.invites();
    out.result({ invites }, () => {
      if (invites.length === 0) return out.line("No invites are open.");
      const now = Date.now();
      out.table(
        ["INVITE", "KIND", "APPROVED AS", "USED", "EXPIRES IN", "LABEL"],
        invites.map(({ invite, kind, approved, used, uses, expires, label }) => [
          invite,
          kind,
          approved === undefined ? "" : [...approved.roles, approved.kind, approved.name].filter(Boolean).join(" "),
          `${used}/${uses}`,
          formatDuration(Math.max(0, expires - now)),
          label ?? "",
        ]),
      );
    });
    return 0;
  });
