import { readFile } from "node:fs/promises";

import { fileError } from "@parley/client/node";
import { type TimelinePins, verifyTimelineFile } from "@parley/core";
import { id32Schema, ParleyError, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { openHome } from "../open-device.ts";

/** Verifies an exported task. Exit code 4 when it does not hold. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const path = input.argument("file");
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  const pins = await pinsOf(context);
  const { kind, mesh, subject, parties, entries } = await verifyTimelineFile(bytes, pins);
  if (kind === "agreement")
    throw new ParleyError("invalid_argument", {
      message: "This file is of an agreement; see parley agreement verify.",
    });
  const names = new Map(parties.map(({ member, name }) => [member, name]));
  const acts = entries.map(({ statement: { number, act, by, iat } }) => ({
    number,
    type: act.type,
    by,
    name: names.get(by),
    at: iat,
  }));
  out.result({ file: path, holds: true, kind, mesh, task: subject, acts }, () => {
    out.line(`The timeline of task ${subject} holds: ${acts.length} entr${acts.length === 1 ? "y" : "ies"}.`);
    if (pins === undefined) out.line(`Nobody here knows its mesh ${mesh}; give --mesh where you do.`);
    for (const { number, type, name, at } of acts)
      out.line(`${String(number).padStart(3)}  ${formatTime(at)}  ${type} by @${visible(name ?? "")}`);
  });
  return 0;
};

/** The mesh that is named, else that of the home, with its operator sets. */
async function pinsOf(context: CommandContext): Promise<TimelinePins | undefined> {
  const wanted = context.input.text("mesh");
  if (wanted !== undefined && !id32Schema.safeParse(wanted).success)
    throw new ParleyError("invalid_argument", { message: "--mesh is a mesh's id; see `parley identity show`." });
  const home = await openHome(context);
  if ((await home.meshFile()) === undefined) return wanted === undefined ? undefined : { mesh: wanted };
  const { trust } = await home.mesh();
  if (wanted !== undefined && wanted !== trust.mesh) return { mesh: wanted };
  return { mesh: trust.mesh, operators: trust.operators };
}
