/** A file with a timeline, verified by what this home has pinned, if it has: no registry is asked. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";

import { fileError } from "@parley/client/node";
import { type TimelinePins, type TimelineReport, verifyTimelineFile } from "@parley/core";
import { id32Schema, limits, ParleyError, type TimelineKind } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { openHome } from "./open-device.ts";

/** What is believed: the mesh that is named, else that of the home; undefined where there is neither. */
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

export interface VerifiedFile<Kind extends TimelineKind> extends TimelineReport<Kind> {
  /** Whether the mesh is one that is pinned or was named; else it is only what the file says of itself. */
  readonly isKnownMesh: boolean;
}

/** Throws `timeline_broken` for one that does not hold or is of another kind. */
export async function verifyFile<Kind extends TimelineKind>(
  context: CommandContext,
  file: string,
  ...kinds: readonly Kind[]
): Promise<VerifiedFile<Kind>> {
  const pins = await pinsOf(context);
  const report = await verifyTimelineFile(await bytesOf(path.resolve(context.cwd, file)), pins);
  if (!kinds.some((kind) => kind === report.kind))
    throw new ParleyError("timeline_broken", { message: `${file} is a timeline of the kind ${report.kind}.` });
  return { ...(report as unknown as TimelineReport<Kind>), isKnownMesh: pins !== undefined };
}

async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > limits.timelineFileBytes)
      throw new ParleyError("too_large", { message: `${file} is larger than any timeline.` });
    return await readFile(file);
  } catch (error) {
    throw error instanceof ParleyError ? error : fileError(file, error);
  }
}
