/** What follows when an agent's process has ended: a pause and another start, or none until somebody asks for one. */
import { Backoff, type Random } from "@parley/core";
import { isErrorCode, isRetryable } from "@parley/protocol";

/** How a process ended. */
export interface Ended {
  /** From its start, in milliseconds. */
  readonly livedMs: number;
  /** The error that it printed last, if it did. */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** As the system tells it: `exit code 1`, `signal SIGKILL`. */
  readonly how: string;
}

export type AfterEnd =
  | { readonly next: "start"; readonly afterMs: number }
  | { readonly next: "hold"; readonly reason: string };

/** A process that lived so long has worked: the count of those that died at once begins anew. */
export const steadyMs = 30_000;
/** So many that died at once, one after the other, are enough. */
export const mostDeaths = 6;
/** Pause before the second start; doubled from then on. */
export const firstPauseMs = 500;
export const mostPauseMs = 60_000;

/** What gets better without anybody changing the agent, however long that takes. */
function mayPass(code: string | undefined): boolean {
  if (code === undefined || !isErrorCode(code)) return false;
  // An operator lets a stopped member run again; a device in use is free once its earlier process is gone.
  return code === "stopped" || code === "device_in_use" || (isRetryable(code) && code !== "internal");
}

/** Remembers the ends of one agent's processes. */
export class RestartRule {
  readonly #backoff: Backoff;
  #deaths = 0;

  constructor(random: Random) {
    this.#backoff = new Backoff(random, { firstMs: firstPauseMs, mostMs: mostPauseMs });
  }

  after({ livedMs, code, message, how }: Ended): AfterEnd {
    if (livedMs >= steadyMs) this.forget();
    if (!mayPass(code)) this.#deaths++;
    if (this.#deaths < mostDeaths) return { next: "start", afterMs: this.#backoff.next() };
    const said = message === undefined ? how : `${message}${code === undefined ? "" : ` (${code})`}`;
    return { next: "hold", reason: `ended ${mostDeaths} times within ${steadyMs / 1000} s of its start: ${said}` };
  }

  /** Somebody asked for a start: what was before does not count. */
  forget(): void {
    this.#deaths = 0;
    this.#backoff.reset();
  }
}
