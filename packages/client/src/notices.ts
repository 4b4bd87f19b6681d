/** What a device says while it runs: events to whoever watches it, and lines to its log. */
import { type ParleyError, toParleyError } from "@parley/protocol";

import type { DeviceEvent, SessionState } from "./device-api.ts";
import type { LogLine } from "./device-options.ts";
import { Emitter } from "./emitter.ts";

export class Notices {
  readonly log: LogLine;
  readonly #events = new Emitter<DeviceEvent>((error) => this.failed(error));

  constructor(log: LogLine = () => {}) {
    this.log = log;
  }

  /** Subscribes to events; returns the way out. */
  watch(listener: (event: DeviceEvent) => void): () => void {
    return this.#events.on(listener);
  }

  emit(event: DeviceEvent): void {
    this.#events.emit(event);
  }

  session(state: SessionState, error?: ParleyError, retryInMs?: number): void {
    this.log(error === undefined ? "info" : "warn", "session", {
      state,
      ...(error === undefined ? {} : { code: error.code }),
    });
    this.emit({
      type: "session",
      state,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    });
  }

  /** What came, or `from` sent, was not taken. */
  readonly refused = (error: unknown, from?: string): void => {
    const { code, message } = toParleyError(error);
    this.log("warn", "refused", { code });
    this.emit({ type: "refused", code, message, ...(from === undefined ? {} : { from }) });
  };

  /** Something went wrong here. */
  readonly failed = (error: unknown): void => {
    const { code, message, cause } = toParleyError(error);
    this.log(code === "internal" ? "error" : "warn", "error", {
      code,
      message,
      ...(cause instanceof Error ? { cause: cause.stack ?? cause.message } : {}),
    });
  };
}
