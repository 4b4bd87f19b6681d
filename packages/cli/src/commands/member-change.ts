import type { AdmissionChange, AdmissionView } from "@parley/client";
import { ParleyError, parseName } from "@parley/protocol";

import { dayOf, longestAdmissionMs } from "../admission-life.ts";
import type { CommandContext, CommandInput } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { roleOf } from "../role-option.ts";
import { scopeOf, scopeText } from "../scope-option.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  const change = changeOf(input);
  if (Object.keys(change).length === 0)
    throw new ParleyError("invalid_argument", {
      message: "Say what changes: --role, --skills, --channels, --no-scope, --name or --life.",
    });
  return withDevice(context, async ({ operator }) => {
    showAdmission(context, await operator.change(input.argument("member"), change));
    return 0;
  });
};

function changeOf(input: CommandInput): AdmissionChange {
  const role = input.text("role");
  const named = input.text("name");
  const name = named === undefined ? undefined : parseName(named);
  if (named !== undefined && name === undefined) throw new ParleyError("invalid_name");
  const scope = scopeOf(input);
  const isFreed = input.switch("no-scope");
  if (isFreed && scope !== undefined)
    throw new ParleyError("invalid_argument", { message: "--no-scope takes every limit away; give it alone." });
  const lifeMs = input.duration("life", longestAdmissionMs);
  return {
    ...(role === undefined ? {} : { roles: [roleOf(role)] }),
    ...(isFreed ? { scope: null } : scope === undefined ? {} : { scope }),
    ...(name === undefined ? {} : { name }),
    ...(lifeMs === undefined ? {} : { lifeMs }),
  };
}

/** The admission of a member that was just signed. */
export function showAdmission({ out }: CommandContext, admission: AdmissionView): void {
  const { member, name, kind, roles, scope, number, expires } = admission;
  const facts = { member, name, kind, roles, number, admittedUntil: expires };
  out.result(scope === undefined ? facts : { ...facts, scope }, () => {
    const limited = scopeText(scope);
    out.line(
      `@${name} is admitted as ${roles.join(", ")} until ${dayOf(expires)}${limited === "" ? "" : ` (${limited})`}.`,
    );
  });
}
