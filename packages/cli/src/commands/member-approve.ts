import { ParleyError, type Role } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** An operator is one by the signed operator set, not by an admission alone. */
const roles: readonly Role[] = ["member", "guest", "observer"];

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const role = roles.find((known) => known === (input.text("role") ?? "member"));
  if (role === undefined)
    throw new ParleyError("invalid_argument", { message: `--role must be one of ${roles.join(", ")}.` });
  return withDevice(context, async ({ operator }) => {
    const pending = await operator.pendingOf(input.argument("member"));
    await operator.approve(pending, { roles: [role] });
    const { name, member, kind, words } = pending;
    out.result({ approved: name, member, kind, roles: [role], words }, () => {
      out.line(`@${name} is admitted as ${role}.`);
      out.note(`Its six words were: ${words}`);
    });
    return 0;
  });
};
