import { isParleyError, ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument } from "../conversation-names.ts";
import {
  printChannelGap,
  printConnection,
  printAsking,
  printGap,
  printHistory,
  printMessage,
  printPost,
  printRestriction,
  printUnreadable,
} from "../listen-view.ts";
import { Listening, type ListeningOptions } from "../listening.ts";
import { openDevice, type OpenDevice } from "../open-device.ts";
import { watchConnection } from "../session-watch.ts";
import { untilAborted } from "../until-aborted.ts";

const mostMessages = 1_000_000;
const mostTimeoutMs = 30 * 86_400_000;
const mostReplay = 200;
/** Under which a device keeps how far its channels were listened to. */
const usualPlace = "listen";

/** Prints messages and posts until the bound, the time limit or a signal. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal, out } = context;
  const max = input.integer("max", 1, mostMessages);
  const timeoutMs = input.duration("timeout", mostTimeoutMs);
  const options = optionsOf(context);
  const enough = new AbortController();
  const timeout = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const end = AbortSignal.any([signal, enough.signal, ...timeout]);
  let count = 0;
  /** What was printed counts as handled, once whoever reads it has it. */
  const deliver = async (print: () => void, leave: () => void): Promise<void> => {
    if (end.aborted || (max !== undefined && count >= max)) {
      leave();
      throw new ParleyError("canceled");
    }
    count++;
    print();
    await out.flushed();
    // The message is acknowledged before everything is given up.
    if (count === max) setImmediate(() => enough.abort());
  };
  const listening = new Listening(options, {
    message: (message, leave) => deliver(() => printMessage(out, message), leave),
    post: (post, leave) => deliver(() => printPost(out, post), leave),
  });
  // A holder that goes hands over: this process attaches to the next one, or becomes it.
  while (!end.aborted) {
    const opened = await unlessClosed(openDevice(context, { stays: true }));
    if (opened !== undefined) await listenOnce(opened, listening, end, context);
  }
  if (max === undefined || count >= max || signal.aborted) return 0;
  out.note(`${count} of ${max} messages came in time.`);
  return 1;
};

function optionsOf({ input }: CommandContext): ListeningOptions {
  const first = input.optionalArgument("channels");
  const channels = (first === undefined ? [] : [first, ...input.rest()]).map(channelArgument);
  const since = input.integer("since", 0, Number.MAX_SAFE_INTEGER);
  if (since !== undefined && channels.length !== 1)
    throw new ParleyError("invalid_argument", { message: "--since is an offset of one channel; name that one." });
  const replay = input.integer("replay", 0, mostReplay);
  return {
    channels: [...new Set(channels)],
    place: input.text("place") ?? usualPlace,
    ...(since === undefined ? {} : { since }),
    ...(replay === undefined ? {} : { replay }),
  };
}

/** Undefined when the process that held the device went meanwhile: the next one is tried. */
async function unlessClosed<Value>(value: Promise<Value>): Promise<Value | undefined> {
  try {
    return await value;
  } catch (error) {
    if (isParleyError(error) && error.code === "closed") return undefined;
    throw error;
  }
}

async function listenOnce(
  opened: OpenDevice,
  listening: Listening,
  end: AbortSignal,
  { out }: CommandContext,
): Promise<void> {
  const { device, holderGone } = opened;
  const ended = Promise.withResolvers<ParleyError>();
  const unlook = watchConnection(device, (connected) => printConnection(out, connected));
  const unwatch = device.watch((event) => {
    if (event.type === "gap") printGap(out, event);
    if (event.type === "pairing-pending" || event.type === "operators-proposed") printAsking(out, event);
    if (event.type === "restricted") printRestriction(out, event.restriction);
    if (event.type === "channel-gap") printChannelGap(out, event, listening.nameOf(event.channel));
    if (event.type === "message" && event.message.unreadable !== undefined) printUnreadable(out, event.message);
    if (event.type === "history" && event.done && event.received > 0) void printHistory(out, device, event);
    if (event.type === "session" && event.state === "stopped" && event.error !== undefined && holderGone === undefined)
      ended.resolve(new ParleyError(event.error.code, { message: event.error.message }));
  });
  try {
    const begun = listening.begin(device);
    const names = holderGone === undefined ? await begun : await unlessClosed(begun);
    if (names === undefined) return;
    out.note(
      `@${device.name} listens${names.length === 0 ? "" : `, also to ${names.join(", ")}`}${holderGone === undefined ? "" : ", through the process that holds the device"}. Ctrl-C stops it.`,
    );
    const failure = await Promise.race([
      untilAborted(end),
      ended.promise,
      ...(holderGone === undefined ? [] : [holderGone.then(() => undefined)]),
    ]);
    if (failure !== undefined) throw failure;
  } finally {
    listening.end();
    unlook();
    unwatch();
    await opened.close();
  }
}
