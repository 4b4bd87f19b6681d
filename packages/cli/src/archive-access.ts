/** How commands come to what was said: connected when the registry is there soon, else with what this device remembers. */
import type { DeviceApi, DeviceEvent } from "@parley/client";
import { type ExitCode, isParleyError } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { briefMs, openDevice, type OpenDevice, withJournal } from "./open-device.ts";

export interface ArchiveAccess {
  readonly device: DeviceApi;
  readonly isConnected: boolean;
}

/** What waits at the registry comes right after the device connected: quiet for so long means that it is there. */
const quietMs = 250;
const mostQuietMs = 3000;
const arrivals: ReadonlySet<DeviceEvent["type"]> = new Set([
  "message",
  "message-changed",
  "approval-asked",
  "approval-closed",
  "agreement",
]);

/** Works with what was said; what waits at the registry is fetched first. Without the registry it says so. */
export async function withArchive(
  context: CommandContext,
  work: (access: ArchiveAccess) => Promise<ExitCode | undefined>,
): Promise<ExitCode | undefined> {
  let opened: OpenDevice;
  try {
    opened = await openDevice(context, { patienceMs: briefMs });
  } catch (error) {
    if (!isParleyError(error) || !error.retryable) throw error;
    context.out.note("The registry cannot be reached: this is what the device remembers.");
    return withJournal(context, (device) => work({ device, isConnected: false }));
  }
  try {
    // Who holds the device has been there for a while.
    if (opened.holderGone === undefined) await quiet(opened.device, context.signal);
    return await work({ device: opened.device, isConnected: true });
  } finally {
    await opened.close();
  }
}

/** Fetches older posts of a channel than the device has. False when there are none, or none to be had. */
export async function fetchOlder({ device, isConnected }: ArchiveAccess, conversation: string): Promise<boolean> {
  if (!isConnected || !conversation.startsWith("#")) return false;
  try {
    return await device.conversations.fetchOlder(conversation);
  } catch (error) {
    // Who left a channel keeps what it had, also where the registry does not tell of it any more.
    if (isParleyError(error) && (error.code === "not_in_channel" || error.code === "unknown_channel")) return false;
    throw error;
  }
}

/** Resolves when nothing has come for a moment. */
function quiet(device: DeviceApi, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      clearTimeout(last);
      stop();
      signal.removeEventListener("abort", done);
      resolve();
    };
    let timer = setTimeout(done, quietMs);
    const last = setTimeout(done, mostQuietMs);
    const stop = device.watch(({ type }) => {
      if (!arrivals.has(type)) return;
      clearTimeout(timer);
      timer = setTimeout(done, quietMs);
    });
    signal.addEventListener("abort", done, { once: true });
  });
}
