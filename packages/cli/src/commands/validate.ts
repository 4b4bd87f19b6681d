import { loadManifest } from "@parley/agent";
import { errorTable, isParleyError } from "@parley/protocol";

import { agentPathOf } from "../agent-path.ts";
import type { CommandModule } from "../command.ts";

/** Checks a manifest; every problem is a line of its own. */
export const run: CommandModule["run"] = async ({ input, out, cwd }) => {
  const path = agentPathOf(cwd, input.optionalArgument("file"));
  try {
    const manifest = await loadManifest(path);
    out.result({ valid: true, path: manifest.path, name: manifest.name }, () =>
      out.line(`${manifest.path} is valid: @${manifest.name}`),
    );
    return 0;
  } catch (error) {
    const problems = isParleyError(error) ? error.data?.["problems"] : undefined;
    if (out.json || !isParleyError(error) || !Array.isArray(problems) || problems.length === 0) throw error;
    for (const { line, column, message } of problems as { line: number; column: number; message: string }[]) {
      out.note(`${path}:${line}:${column}: ${message}`);
    }
    return errorTable[error.code].exit;
  }
};
