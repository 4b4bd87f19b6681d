import { basename, relative, resolve } from "node:path";

import { initAgent } from "@parley/agent";
import { ParleyError, parseName } from "@parley/protocol";

import type { CommandModule } from "../command.ts";

/** Writes a new agent. */
export const run: CommandModule["run"] = async ({ input, out, cwd }) => {
  const given = input.optionalArgument("name");
  const folder = input.text("dir");
  const name = parseName(given ?? basename(resolve(cwd, folder ?? ".")));
  if (name === undefined) throw new ParleyError("invalid_name");
  const dir = resolve(cwd, folder ?? (given === undefined ? "." : name));
  const result = await initAgent({ name, dir });
  out.result({ name, ...result }, () => {
    for (const file of result.files) out.line(`wrote  ${file}`);
    for (const file of result.existed) out.line(`kept   ${file}`);
    out.line();
    out.line("Next:");
    if (dir !== cwd) out.line(`  cd ${relative(cwd, dir)}`);
    out.line("  parley pair '<link from parley invite create>'");
    out.line("  parley run");
  });
  return 0;
};
