import { basename, resolve } from "node:path";

import type { DeviceApi, Draft, SayOptions } from "@parley/client";
import { openFileSource } from "@parley/client/node";
import { type BlobRef, type DeliveryState, type ExitCode, limits, ParleyError } from "@parley/protocol";

import { allowedPaths } from "../allowed-paths.ts";
import { showProgress } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import { laterOf } from "../later.ts";
import { mediaTypeOf } from "../media-type.ts";
import { messageIdOf } from "../message-reference.ts";
import { formatTime } from "../moment.ts";
import { withDevice, withJournal } from "../open-device.ts";
import { readInput } from "../read-input.ts";
import { defaultWaitMs, reportSent, usualState } from "../sent-report.ts";

const awaited: readonly DeliveryState[] = ["stored", "delivered", "handled", "read"];

/** Sends a message, or posts in a channel, and waits for a state. What it prints is a fact, with who vouches for it. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const waitMs = input.duration("timeout", limits.taskMs) ?? defaultWaitMs;
  const typed = input.argument("to");
  const to = typed.startsWith("#") ? channelArgument(typed) : typed;
  const wanted = wantedState(context, to);
  const text = input.argument("text") === "-" ? await readInput(signal) : input.argument("text");
  if (text === "") throw new ParleyError("invalid_argument", { message: "A message needs some text." });
  const at = input.text("at");
  if (at !== undefined) return sendLater(context, to, text, at);
  return withDevice(context, async ({ device }) => {
    const draft = { text, ...(await placeOf(context, device, to)), ...(await attachAll(context, device)) };
    const sent = await device.conversations.say(to, draft, optionsOf(context));
    return reportSent(context, sent, { device, to, wanted, waitMs });
  });
};

/** Keeps it on this device's disk; sent then by whichever process holds the device. */
function sendLater(context: CommandContext, to: string, text: string, typed: string): Promise<ExitCode> {
  const { input, out } = context;
  const now = Date.now();
  const at = laterOf(typed, now);
  const others = ["until", "ttl", "thread", "answers", "keep"].filter((name) => input.text(name) !== undefined);
  if (others.length > 0 || input.texts("attach").length > 0)
    throw new ParleyError("invalid_argument", { message: "With --at a message is its text alone." });
  return withJournal(context, async (device): Promise<ExitCode> => {
    const scheduled = await device.scheduled.add(at, { kind: "send", to, text });
    out.result(scheduled, () =>
      out.line(`sent to ${to} at ${formatTime(at)} by whichever process holds this device then; id ${scheduled.id}`),
    );
    return 0;
  });
}

/** `--no-wait` and `--until`. */
function wantedState({ input }: CommandContext, to: string): DeliveryState {
  const until = input.text("until");
  if (until === undefined) return input.switch("no-wait") ? "accepted" : usualState(to);
  const state = awaited.find((each) => each === until);
  if (state === undefined)
    throw new ParleyError("invalid_argument", { message: `--until must be one of ${awaited.join(", ")}.` });
  if (to.startsWith("#") && state !== "stored")
    throw new ParleyError("invalid_argument", { message: "A post in a channel is stored; nobody tells of more." });
  if (input.switch("no-wait"))
    throw new ParleyError("invalid_argument", { message: "--until waits, and --no-wait does not; leave one out." });
  return state;
}

function optionsOf({ input, settings, signal }: CommandContext): SayOptions {
  const ttlMs = input.duration("ttl", limits.expiryMs);
  return { signal, ...allowedPaths(settings), ...(ttlMs === undefined ? {} : { ttlMs }) };
}

/** The thread that it belongs to, and the message that it answers. */
async function placeOf(
  { input }: CommandContext,
  device: DeviceApi,
  to: string,
): Promise<Pick<Draft, "thread" | "answers">> {
  const [thread, answers] = [input.text("thread"), input.text("answers")];
  return {
    ...(thread === undefined ? {} : { thread: await messageIdOf(device, to, thread) }),
    ...(answers === undefined ? {} : { answers: await messageIdOf(device, to, answers) }),
  };
}

/** Brings the files of `--attach` to the registry, one after the other. */
async function attachAll(
  { input, out, cwd, signal }: CommandContext,
  device: DeviceApi,
): Promise<Pick<Draft, "attachments">> {
  const paths = input.texts("attach").map((file) => resolve(cwd, file));
  const ttlMs = input.duration("keep", limits.expiryMs);
  if (paths.length === 0) return {};
  if (paths.length > limits.attachments)
    throw new ParleyError("invalid_argument", {
      message: `A message carries at most ${limits.attachments} attachments.`,
    });
  const attachments: BlobRef[] = [];
  for (const path of paths) {
    const name = basename(path);
    await using source = await openFileSource(path);
    const options = { name, type: mediaTypeOf(path), signal, onProgress: showProgress(out, "sending", name) };
    attachments.push(await device.attach(source, { ...options, ...(ttlMs === undefined ? {} : { ttlMs }) }));
  }
  return { attachments };
}
