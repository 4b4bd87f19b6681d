import { longestAdmissionMs } from "../admission-life.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { roleOf } from "../role-option.ts";
import { scopeOf, scopeText } from "../scope-option.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const role = roleOf(input.text("role") ?? "member");
  const scope = scopeOf(input);
  const lifeMs = input.duration("life", longestAdmissionMs);
  const replaces = input.text("replaces");
  return withDevice(context, async ({ operator }) => {
    const pending = await operator.pendingOf(input.argument("member"));
    await operator.approve(pending, {
      roles: [role],
      ...(scope === undefined ? {} : { scope }),
      ...(lifeMs === undefined ? {} : { lifeMs }),
      ...(replaces === undefined ? {} : { replaces }),
    });
    const { name, member, kind, words } = pending;
    const facts = { approved: name, member, kind, roles: [role], words };
    out.result(
      { ...facts, ...(scope === undefined ? {} : { scope }), ...(replaces === undefined ? {} : { replaces }) },
      () => {
        const limited = scopeText(scope);
        out.line(`@${name} is admitted as ${role}${limited === "" ? "" : ` (${limited})`}.`);
        if (replaces !== undefined)
          out.line(
            `${replaces} is revoked; its name belongs to the new member, and who knows it is told that the key changed.`,
          );
        out.note(`Its six words were: ${words}`);
      },
    );
    return 0;
  });
};
