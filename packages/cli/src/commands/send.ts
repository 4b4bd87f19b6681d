import { basename, resolve } from "node:path";
import { setTimeout as after } from "node:timers/promises";

import type { Delivery, DeviceApi, SendOptions } from "@parley/client";
import { openFileSource } from "@parley/client/node";
import {
  type BlobRef,
  type DeliveryState,
  errorTable,
  type ExitCode,
  hasReached,
  isEndState,
  limits,
  ParleyError,
  visible,
} from "@parley/protocol";

import { allowedPaths } from "../allowed-paths.ts";
import { showProgress } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { mediaTypeOf } from "../media-type.ts";
import { shortId } from "../member-table.ts";
import { withDevice } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";
import { readInput } from "../read-input.ts";
import { untilAborted } from "../until-aborted.ts";

const defaultWaitMs = 30_000;
const awaited: readonly DeliveryState[] = ["stored", "delivered", "handled", "read"];

/** Sends a message and waits for a state. What it prints is a fact, with who vouches for it. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const waitMs = input.duration("timeout", limits.taskMs) ?? defaultWaitMs;
  const to = input.argument("member");
  const wanted = wantedState(context);
  const text = input.argument("text") === "-" ? await readInput(signal) : input.argument("text");
  return withDevice(context, async ({ device }) => {
    const attachments = await attachAll(context, device);
    const sent = await device.send(to, text, { signal, attachments, ...optionsOf(context) });
    if (wanted === "accepted") return reportAccepted(context, to, sent.accepted);
    context.out.progress(`accepted; waiting until it is ${wanted}…`);
    const giveUp = new AbortController();
    const reached = await Promise.race([
      wanted === "delivered" ? sent.settled : sent.reaches(wanted),
      after(waitMs, undefined, { signal: giveUp.signal, ref: false }),
      untilAborted(signal),
    ]);
    giveUp.abort();
    return report(context, device, to, reached ?? sent.state(), wanted);
  });
};

/** `--no-wait` and `--until`. */
function wantedState({ input }: CommandContext): DeliveryState {
  const until = input.text("until");
  if (until === undefined) return input.switch("no-wait") ? "accepted" : "delivered";
  const state = awaited.find((each) => each === until);
  if (state === undefined)
    throw new ParleyError("invalid_argument", { message: `--until must be one of ${awaited.join(", ")}.` });
  if (input.switch("no-wait"))
    throw new ParleyError("invalid_argument", { message: "--until waits, and --no-wait does not; leave one out." });
  return state;
}

function optionsOf({ input, settings }: CommandContext): SendOptions {
  const ttlMs = input.duration("ttl", limits.expiryMs);
  return { ...allowedPaths(settings), ...(ttlMs === undefined ? {} : { ttlMs }) };
}

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

/** That it is on this device's disk is all that is known. */
function reportAccepted({ out }: CommandContext, to: string, { id, state, at }: Delivery): ExitCode {
  out.result({ to, id, state, at }, () => out.line(state));
  return 0;
}

async function report(
  { out }: CommandContext,
  device: DeviceApi,
  to: string,
  delivery: Delivery,
  wanted: DeliveryState,
): Promise<ExitCode> {
  const { state, path, reason, tookMs, error } = delivery;
  const label = delivery.device === undefined ? undefined : await labelOf(device, to, delivery.device);
  const facts = [
    path === undefined ? undefined : `path: ${path}`,
    label === undefined ? undefined : `device: ${visible(label)}`,
    `after ${formatDuration(tookMs)}`,
  ];
  out.result({ to, ...delivery, ...(label === undefined ? {} : { label }) }, () => {
    out.line(`${state}  ${facts.filter((fact) => fact !== undefined).join("  ")}`);
    if (path !== undefined && reason !== undefined)
      out.line(out.style("dim", `${path}, because ${visible(pathReasonText(reason, path))}`));
  });
  const isDone = hasReached(state, wanted) && !isEndState(state);
  if (isDone) return 0;
  if (error !== undefined) {
    out.note(`${visible(error.message)} (${error.code})`);
    return errorTable[error.code].exit;
  }
  out.note(unfinished[state]);
  return exits[state] ?? errorTable.not_connected.exit;
}

/** What it means that a message is in a state when its sender gave up waiting, or in this state for good. */
const unfinished: Readonly<Record<DeliveryState, string>> = {
  accepted: "It waits on this device and goes on when it can; it is not delivered yet.",
  stored: "It waits in the mailbox of the recipient and goes on when it can; it is not delivered yet.",
  delivered: "The device has it; nothing has handled it yet.",
  handled: "It was handled; nobody has said that it was read.",
  read: "",
  expired: "Its time was over before a device of the recipient had it.",
  refused: "The recipient refused it.",
  "dead-lettered": "The device has it, but what handles messages there failed at it.",
};
const exits: Readonly<Partial<Record<DeliveryState, ExitCode>>> = {
  delivered: errorTable.timeout.exit,
  handled: errorTable.timeout.exit,
  expired: errorTable.expired.exit,
  refused: errorTable.refused.exit,
  "dead-lettered": errorTable.task_failed.exit,
};

/** What its member calls a device. */
async function labelOf(device: DeviceApi, to: string, id: string): Promise<string> {
  try {
    return (await device.memberOf(to)).verified.devices.get(id)?.label ?? shortId(id);
  } catch {
    return shortId(id);
  }
}
