import { errorTable, isParleyError, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { changeOf } from "../policy/policy-change.ts";
import { loadPolicy, type PolicyFile, printProblems } from "../policy/policy-file.ts";
import { warningsOf } from "../policy/policy-warnings.ts";
import { askYesNo, isInteractive } from "../terminal.ts";

/** Puts a policy in force, once somebody saw what it changes. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const given = input.argument("file");
  let file: PolicyFile;
  try {
    file = await loadPolicy(context, given);
  } catch (error) {
    if (isParleyError(error) && printProblems(context, given, error)) return errorTable[error.code].exit;
    throw error;
  }
  return withDevice(context, async (opened) => {
    const { policy } = await opened.trust();
    const change = changeOf(policy.document, file.document);
    const warnings = await warningsOf(file, opened, context);
    for (const { line, column, message } of warnings) out.note(`${given}:${line}:${column}: warning: ${message}`);
    if (policy.number > 0 && change.removed.length === 0 && change.added.length === 0) {
      out.result({ number: policy.number, changed: false }, () =>
        out.line(`Policy ${policy.number} says the same; nothing was published.`),
      );
      return 0;
    }
    for (const line of change.removed) out.note(out.style("red", `- ${line}`));
    for (const line of change.added) out.note(out.style("green", `+ ${line}`));
    if (!input.switch("yes")) {
      if (!isInteractive())
        throw new ParleyError("invalid_argument", {
          message:
            "A policy is published when somebody has seen what it changes; --yes says so where nobody can be asked.",
        });
      if (!(await askYesNo(`Publish this as policy ${policy.number + 1}?`, signal))) {
        out.note("Nothing was published.");
        return 1;
      }
    }
    const number = await opened.operator.orders.publishPolicy(file.document);
    out.result({ number, changed: true, ...change, warnings }, () =>
      out.line(`Policy ${number} holds; every connected device has it in a moment, the others when they connect.`),
    );
    return 0;
  });
};
