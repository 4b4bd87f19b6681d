import { errorTable, isParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { ifConnected } from "../open-device.ts";
import { loadPolicy, type PolicyFile, printProblems } from "../policy/policy-file.ts";
import { warningsOf } from "../policy/policy-warnings.ts";

/** Checks a policy; every problem and every rule that does nothing is a line of its own. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const given = input.argument("file");
  let file: PolicyFile;
  try {
    file = await loadPolicy(context, given);
  } catch (error) {
    if (isParleyError(error) && printProblems(context, given, error)) return errorTable[error.code].exit;
    throw error;
  }
  const isOffline = input.switch("offline");
  const asked = isOffline
    ? undefined
    : await whereJoined(() => ifConnected(context, (opened) => warningsOf(file, opened, context)));
  const warnings = asked ?? (await warningsOf(file, undefined, context));
  const { rules, tags = {}, budgets = [] } = file.document;
  out.result({ valid: true, path: file.path, names: asked !== undefined, warnings }, () => {
    for (const { line, column, message } of warnings) out.note(`${given}:${line}:${column}: warning: ${message}`);
    const parts = [`${rules.length} rules`, `${Object.keys(tags).length} tags`, `${budgets.length} budgets`];
    out.line(`${given} is valid: ${parts.join(", ")}`);
    if (asked === undefined) out.note("Names were not looked up: the registry was not asked.");
  });
  return 0;
};

/** A home that is in no mesh can ask nobody. */
async function whereJoined<Result>(ask: () => Promise<Result | undefined>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isParleyError(error) && error.code === "not_admitted") return undefined;
    throw error;
  }
}
