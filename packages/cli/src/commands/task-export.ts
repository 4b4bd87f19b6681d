import { writeFile } from "node:fs/promises";

import { fileError } from "@parley/client/node";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { directTask } from "../tasks/direct-tasks.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { out, input } = context;
    const { id } = await directTask(device, input.argument("task"));
    const text = await device.tasks.export(id);
    const path = input.text("output");
    if (path === undefined) out.line(text.trimEnd());
    else {
      await writeFile(path, text, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
        throw fileError(path, error);
      });
      out.result({ task: id, file: path, bytes: text.length }, () =>
        out.line(`${path}: the timeline of ${id}; verify it with \`parley task verify ${path}\`.`),
      );
    }
    return 0;
  });
