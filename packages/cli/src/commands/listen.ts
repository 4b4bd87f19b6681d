import type { DeviceApi, DeviceEvent, IncomingMessage } from "@parley/client";
import { ParleyError, visible } from "@parley/protocol";

import { attachmentLine, attachmentView } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { shortId } from "../member-table.ts";
import { openDevice, type OpenDevice } from "../open-device.ts";
import type { Presenter } from "../presenter.ts";
import { watchConnection } from "../session-watch.ts";
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
  const unlook = watchConnection(device, (connected) => printConnection(out, connected));
  const unwatch = device.watch((event) => {
    if (event.type === "gap") printGap(out, event);
    if (event.type === "history" && event.done && event.received > 0) void printHistory(out, device, event);
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
    unlook();
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

function printConnection(out: Presenter, connected: boolean): void {
  const says = connected
    ? "the registry can be reached again"
    : "the registry cannot be reached; messages come by open links only, until it is back";
  out.event({ type: "connection", connected }, out.style("dim", says));
}

function printGap(out: Presenter, gap: DeviceEvent & { type: "gap" }): void {
  const { name, device, from, to } = gap;
  const count = to - from + 1;
  const what = count === 1 ? `1 message of @${name} is missing` : `${count} messages of @${name} are missing`;
  const which = count === 1 ? `number ${from}` : `numbers ${from} to ${to}`;
  out.event(gap, out.style("yellow", `${what}: ${which} of its device ${shortId(device)} were lost on their way`));
}

/** Once, at the end: what another device of this person passed on. */
async function printHistory(
  out: Presenter,
  device: DeviceApi,
  history: DeviceEvent & { type: "history" },
): Promise<void> {
  const { received, omitted } = history;
  const label = await device.memberOf(device.member).then(
    ({ verified }) => verified.devices.get(history.device)?.label,
    () => undefined,
  );
  const left = omitted === 0 ? "" : `; ${omitted} more ${omitted === 1 ? "was" : "were"} too large to be passed on`;
  const count = `${received} ${received === 1 ? "message" : "messages"}`;
  out.event(history, out.style("dim", `${count} came from your ${visible(label ?? shortId(history.device))}${left}`));
}
