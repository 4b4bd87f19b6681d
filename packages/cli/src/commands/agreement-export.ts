import { writeFile } from "node:fs/promises";
import path from "node:path";

import { fileError } from "@parley/client/node";

import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out, cwd } = context;
  const file = path.resolve(cwd, input.argument("file"));
  return withArchive(context, async ({ device }) => {
    const { agreement, state, acts } = await device.agreements.get(input.argument("agreement"));
    const text = await device.agreements.export(agreement);
    try {
      await writeFile(file, text, { flag: "wx", mode: 0o600 });
    } catch (error) {
      throw fileError(file, error);
    }
    out.result({ file, agreement, state, acts: acts.length, mesh: device.mesh }, () => {
      out.line(`${file}: ${acts.length} acts, ${state}`);
      out.note(`To verify it elsewhere: parley agreement verify ${input.argument("file")} --mesh ${device.mesh}`);
    });
    return 0;
  });
};
