import { join, resolve } from "node:path";

import { FileSink } from "@parley/client/node";
import { type BlobRef, limits, ParleyError, visible } from "@parley/protocol";

import { attachmentId, attachmentView, formatBytes, showProgress } from "../attachment-view.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { safeFileName } from "../safe-file-name.ts";

/** Fetches what was attached to a message into new files. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, cwd, signal } = context;
  const message = input.argument("message");
  return withDevice(context, async ({ device }) => {
    const refs = chosen(await device.attachmentsOf(message), input.optionalArgument("name"));
    for (const [path, ref] of placesOf(refs, cwd, input.text("out"))) {
      const onProgress = showProgress(out, "fetching", ref.name);
      await device.fetchAttachment(ref, new FileSink(path), { signal, onProgress });
      out.event({ ...attachmentView(ref), path }, `${visible(path)}  ${formatBytes(ref.size)}`);
    }
    return 0;
  });
};

/** All, or those with this name or id. Throws `not_found`. */
function chosen(refs: readonly BlobRef[], wanted: string | undefined): readonly BlobRef[] {
  if (refs.length === 0) throw new ParleyError("not_found", { message: "Nothing is attached to this message." });
  if (wanted === undefined) return refs;
  const fitting = refs.filter((ref) => [ref.name, safeFileName(ref.name), attachmentId(ref)].includes(wanted));
  if (fitting.length > 0) return fitting;
  const names = refs.map((ref) => `${visible(ref.name)} (${attachmentId(ref)})`).join(", ");
  throw new ParleyError("not_found", { message: `Nothing of that name is attached; there is: ${names}.` });
}

/** A path for each, all different. */
function placesOf(refs: readonly BlobRef[], cwd: string, out: string | undefined): ReadonlyMap<string, BlobRef> {
  if (out !== undefined && refs.length > 1)
    throw new ParleyError("invalid_argument", {
      message: "Several fit, and --out names one file; name one of them, by its id if need be.",
    });
  const places = new Map<string, BlobRef>();
  for (const ref of refs.slice(0, limits.attachments)) {
    const name = safeFileName(ref.name);
    let path = out === undefined ? join(cwd, name) : resolve(cwd, out);
    // Two of one name: their ids tell them apart. The same content twice is one file.
    if (places.has(path)) path = join(cwd, `${attachmentId(ref)}-${name}`);
    places.set(path, ref);
  }
  return places;
}
