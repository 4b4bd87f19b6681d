import type { Clock } from "@parley/core";
import { type RequestBody, toParleyError } from "@parley/protocol";

import type { LogLine } from "./device-options.ts";
import type { Session } from "./session.ts";

const pauseMs = 100;

/** What this device says of its own presence: changes within a moment in one request, and only what is new. */
export class OwnPresence {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #log: LogLine;
  #presence: RequestBody<"presence.set"> = {};
  #said = "";
  #scheduled = false;

  constructor(session: Session, clock: Clock, log: LogLine) {
    this.#session = session;
    this.#clock = clock;
    this.#log = log;
  }

  set(presence: RequestBody<"presence.set">): void {
    this.#presence = { ...this.#presence, ...presence };
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setTimer(pauseMs, () => {
      this.#scheduled = false;
      this.#say();
    });
  }

  /** A new session knows nothing of it. */
  sayAgain(): void {
    this.#said = "";
    this.set({});
  }

  #say(): void {
    const saying = JSON.stringify(this.#presence);
    if (!this.#session.isOpen || saying === this.#said) return;
    this.#said = saying;
    this.#session
      .request("presence.set", this.#presence)
      .catch((error: unknown) => this.#log("debug", "presence", { code: toParleyError(error).code }));
  }
}
