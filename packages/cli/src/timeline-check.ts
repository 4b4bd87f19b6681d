/** Verifies a file with a timeline, offline: against the mesh of this home where there is one. */
import { readFile } from "node:fs/promises";

import { fileError } from "@parley/client/node";
import { type TimelinePins, type TimelineReport, verifyTimelineFile } from "@parley/core";
import { id32Schema, ParleyError, type TimelineKind } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { openHome } from "./open-device.ts";

export interface CheckedTimeline<Kind extends TimelineKind> {
  readonly report: TimelineReport<Kind>;
  /** Whether somebody but the file says which mesh it is. */
  readonly pinned: boolean;
}

/** Throws `timeline_broken`, `wrong_mesh`, and `invalid_argument` for a timeline of another kind. */
export async function verifyTimeline<Kind extends TimelineKind>(
  context: CommandContext,
  kind: Kind,
): Promise<CheckedTimeline<Kind>> {
  const path = context.input.argument("file");
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(path, error);
  });
  const pins = await pinsOf(context);
  const report = await verifyTimelineFile(new Uint8Array(bytes), pins);
  if (report.kind !== kind)
    throw new ParleyError("invalid_argument", {
      message: `This is the timeline of a${report.kind === "agreement" ? "n agreement" : " task"}; use \`parley ${report.kind} verify\`.`,
    });
  return { report: report as unknown as TimelineReport<Kind>, pinned: pins !== undefined };
}

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
