import { basename, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";

import type { Delivery, DeviceApi } from "@parley/client";
import { openFileSource } from "@parley/client/node";
import { type BlobRef, errorTable, type ExitCode, limits, ParleyError } from "@parley/protocol";

import { showProgress } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { mediaTypeOf } from "../media-type.ts";
import { shortId } from "../member-table.ts";
import { withDevice } from "../open-device.ts";
import { untilAborted } from "../until-aborted.ts";

const defaultWaitMs = 30_000;

/** Sends a message. What it prints is a fact: `accepted`, `stored`, `delivered`, `expired` or `refused`. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const waitMs = input.duration("timeout", limits.taskMs) ?? defaultWaitMs;
  const to = input.argument("member");
  return withDevice(context, async ({ device }) => {
    const attachments = await attachAll(context, device);
    const sent = await device.send(to, input.argument("text"), { signal, attachments });
    if (input.switch("no-wait")) return report(context, to, sent.accepted, true);
    context.out.progress(`accepted; waiting until ${to} has it…`);
    const giveUp = new AbortController();
    const settled = await Promise.race([
      sent.settled,
      after(waitMs, undefined, { signal: giveUp.signal, ref: false }),
      untilAborted(signal),
    ]);
    giveUp.abort();
    return report(context, to, settled ?? sent.state(), false);
  });
};

/** Brings the files of `--attach` to the registry, one after the other. */
async function attachAll({ input, out, cwd, signal }: CommandContext, device: DeviceApi): Promise<readonly BlobRef[]> {
  const paths = input.texts("attach").map((file) => resolve(cwd, file));
  const ttlMs = input.duration("keep", limits.expiryMs);
  if (paths.length > limits.attachments)
    throw new ParleyError("invalid_argument", {
      message: `A message carries at most ${limits.attachments} attachments.`,
    });
  const refs: BlobRef[] = [];
  for (const path of paths) {
    const name = basename(path);
    await using source = await openFileSource(path);
    const options = { name, type: mediaTypeOf(path), signal, onProgress: showProgress(out, "sending", name) };
    refs.push(await device.attach(source, { ...options, ...(ttlMs === undefined ? {} : { ttlMs }) }));
  }
  return refs;
}

function report({ out }: CommandContext, to: string, delivery: Delivery, acceptedIsEnough: boolean): ExitCode {
  const { state, path, device, tookMs, error } = delivery;
  const facts = [
    path === undefined ? undefined : `path: ${path}`,
    device === undefined ? undefined : `device: ${shortId(device)}`,
    `after ${formatDuration(tookMs)}`,
  ];
  out.result({ to, ...delivery }, () => out.line(`${state}  ${facts.filter((fact) => fact !== undefined).join("  ")}`));
  if (state === "delivered" || acceptedIsEnough) return 0;
  if (error !== undefined) {
    out.note(`${error.message} (${error.code})`);
    return errorTable[error.code].exit;
  }
  const where = state === "stored" ? "It waits in the mailbox of the recipient" : "It waits on this device";
  out.note(`${where} and goes on when it can; it is not delivered yet.`);
  return errorTable.not_connected.exit;
}
