/** What waits for this member's word, as it comes, over holders that come and go. */
import type { DeviceEvent } from "@parley/client";
import { type ExitCode, ParleyError } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { openDevice, type OpenDevice } from "./open-device.ts";
import { untilAborted } from "./until-aborted.ts";

export interface WaitingWatch {
  /** With each device that is opened, first: what waits already. */
  readonly begin: (opened: OpenDevice) => Promise<void>;
  /** One after the other. */
  readonly take: (event: DeviceEvent, opened: OpenDevice) => Promise<void>;
}

/** Goes on until Ctrl-C, through the next holder when the one before goes. */
export async function watchWaiting(context: CommandContext, { begin, take }: WaitingWatch): Promise<ExitCode> {
  const { signal } = context;
  while (!signal.aborted) {
    const opened = await openDevice(context, { stays: true });
    const ended = Promise.withResolvers<ParleyError>();
    let taking: Promise<void> = Promise.resolve();
    const unwatch = opened.device.watch((event) => {
      if (event.type === "session" && event.state === "stopped" && event.error !== undefined)
        ended.resolve(new ParleyError(event.error.code, { message: event.error.message }));
      taking = taking.then(() => take(event, opened)).catch(() => undefined);
    });
    try {
      await begin(opened);
      const gone = opened.holderGone?.then(() => undefined);
      const failure = await Promise.race([untilAborted(signal), ...(gone === undefined ? [ended.promise] : [gone])]);
      if (failure !== undefined) throw failure;
    } finally {
      unwatch();
      await opened.close();
    }
  }
  return 0;
}
