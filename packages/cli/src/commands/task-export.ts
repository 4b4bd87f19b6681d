import { writeFile } from "node:fs/promises";

import { fileError } from "@parley/client/node";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { findTask } from "../task-reference.ts";

/** Writes what was signed about a task to a new file. */
export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { input, out } = context;
    const path = input.argument("file");
    const task = await findTask(device, input.argument("task"));
    const text = await device.board.export(task);
    await writeFile(path, text, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
      throw fileError(path, error);
    });
    out.result({ file: path, task, mesh: device.mesh, bytes: Buffer.byteLength(text) }, () => {
      out.line(`${path}: task ${task}`);
      out.note(`To verify it elsewhere: parley task verify ${path} --mesh ${device.mesh}`);
    });
    return 0;
  });
