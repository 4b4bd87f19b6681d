/** Waits for a state of what was sent, and prints it as a fact, with who vouches for it. */
import { setTimeout as after } from "node:timers/promises";

import type { Delivery, DeviceApi, Sent } from "@parley/client";
import { type DeliveryState, errorTable, type ExitCode, hasReached, isEndState, visible } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { formatDuration } from "./duration.ts";
import { shortId } from "./member-table.ts";
import { pathReasonText } from "./path-reason-text.ts";
import { untilAborted } from "./until-aborted.ts";

/** How long a command waits unless it is told. */
export const defaultWaitMs = 30_000;

export interface SentWait {
  readonly device: DeviceApi;
  /** As it was typed. */
  readonly to: string;
  readonly wanted: DeliveryState;
  readonly waitMs: number;
}

/** What a conversation can be waited for without being asked: a channel's posts are stored, messages are delivered. */
export const usualState = (conversation: string): "stored" | "delivered" =>
  conversation.startsWith("#") ? "stored" : "delivered";

export async function reportSent(context: CommandContext, sent: Sent, wait: SentWait): Promise<ExitCode> {
  const { wanted, waitMs, to } = wait;
  if (wanted === "accepted") return reportAccepted(context, to, sent.accepted);
  context.out.progress(`accepted; waiting until it is ${wanted}…`);
  const giveUp = new AbortController();
  const reached = await Promise.race([
    wanted === "delivered" ? sent.settled : sent.reaches(wanted),
    after(waitMs, undefined, { signal: giveUp.signal, ref: false }),
    untilAborted(context.signal),
  ]);
  giveUp.abort();
  return report(context, wait, reached ?? sent.state());
}

/** That it is on this device's disk is all that is known. */
function reportAccepted({ out }: CommandContext, to: string, { id, state, at }: Delivery): ExitCode {
  out.result({ to, id, state, at }, () => out.line(state));
  return 0;
}

async function report({ out }: CommandContext, wait: SentWait, delivery: Delivery): Promise<ExitCode> {
  const { device, to, wanted } = wait;
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
