/** Waiting for a session by what a device says of it. */
import type { Clock } from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";

import type { DeviceEvent } from "./device-api.ts";
import type { Notices } from "./notices.ts";
import type { Session } from "./session.ts";

export interface SessionWaitOptions {
  readonly session: Session;
  readonly notices: Notices;
  readonly clock: Clock;
}

/** Pause before the registry is asked for something again within a session. */
const askAgainMs = 1000;

/** Starts a session; resolves once connected, and rejects with what cannot be mended by trying again, or on `signal`. */
export function startSession({ session, notices }: SessionWaitOptions, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(toParleyError(signal.reason));
  if (session.state === "connected") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const done = notices.watch((event) => {
      if (event.type !== "session") return;
      if (event.state === "connected") finish(resolve);
      else if (event.state === "stopped" || (event.state === "waiting" && event.error?.code === "not_admitted"))
        finish(() => reject(errorOf(event)));
    });
    const onAbort = (): void => finish(() => reject(toParleyError(signal?.reason)));
    const finish = (act: () => void): void => {
      done();
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    session.start();
  });
}

/** Resolves when the registry may be asked once more: with the next session, or after a while within one. */
export function nextChance({ session, notices, clock }: SessionWaitOptions): Promise<void> {
  return new Promise((resolve) => {
    if (session.isOpen) return void clock.setTimer(askAgainMs, resolve);
    const done = notices.watch((event) => {
      if (event.type !== "session" || event.state !== "connected") return;
      done();
      resolve();
    });
  });
}

function errorOf({ error }: DeviceEvent & { type: "session" }): ParleyError {
  return error === undefined ? new ParleyError("closed") : new ParleyError(error.code, { message: error.message });
}
