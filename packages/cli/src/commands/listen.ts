import type { IncomingMessage } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import { attachmentLine, attachmentView } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { openDevice, type OpenDevice } from "../open-device.ts";
import { visible } from "../presenter.ts";
import { untilAborted } from "../until-aborted.ts";

const mostMessages = 1_000_000;
const mostTimeoutMs = 30 * 86_400_000;

/** Prints messages until the bound, the time limit or a signal. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const max = input.integer("max", 1, mostMessages);
  const timeoutMs = input.duration("timeout", mostTimeoutMs);
  const enough = new AbortController();
  const timeout = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const end = AbortSignal.any([signal, enough.signal, ...timeout]);
  let count = 0;
  const onMessage = (message: IncomingMessage): void => {
    if (max !== undefined && count >= max) return;
    count++;
    print(context, message);
    if (count === max) enough.abort();
  };
  // A holder that goes hands over: this process attaches to the next one, or becomes it.
  while (!end.aborted) await listenOnce(await openDevice(context, { stays: true }), onMessage, end, context);
  if (max === undefined || count >= max || signal.aborted) return 0;
  context.out.note(`${count} of ${max} messages came in time.`);
  return 1;
};

async function listenOnce(
  opened: OpenDevice,
  onMessage: (message: IncomingMessage) => void,
  end: AbortSignal,
  { out }: CommandContext,
): Promise<void> {
  const { device, holderGone } = opened;
  const ended = Promise.withResolvers<ParleyError>();
  const unwatch = device.watch((event) => {
    if (event.type === "session" && event.state === "stopped" && event.error !== undefined && holderGone === undefined)
      ended.resolve(new ParleyError(event.error.code, { message: event.error.message }));
  });
  const leave = device.onMessage(onMessage);
  try {
    out.note(
      `@${device.name} listens${holderGone === undefined ? "" : " through the process that holds the device"}. Ctrl-C stops it.`,
    );
    const failure = await Promise.race([
      untilAborted(end),
      ended.promise,
      ...(holderGone === undefined ? [] : [holderGone.then(() => undefined)]),
    ]);
    if (failure !== undefined) throw failure;
  } finally {
    leave();
    unwatch();
    await opened.close();
  }
}

function print({ out }: CommandContext, message: IncomingMessage): void {
  const { id, from, text, attachments, created, path, redelivered } = message;
  const time = new Date(created).toLocaleTimeString("en-GB");
  const head = `${out.style("dim", time)} ${out.style("bold", `@${from.name}`)} ${out.style("dim", `(${path}${redelivered ? ", redelivered" : ""})`)}`;
  const lines = [
    `${head} ${visible(text)}`,
    ...attachments.map((ref) => `  attached: ${attachmentLine(ref)}`),
    ...(attachments.length === 0 ? [] : [out.style("dim", `  parley attachment get ${id}`)]),
  ];
  out.event({ type: "message", ...message, attachments: attachments.map(attachmentView) }, lines.join("\n"));
}
