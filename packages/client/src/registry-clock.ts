/**
 * The registry's time as this device knows it: measured now and then, and carried on by the monotonic clock, since this
 * machine's wall clock may be set meanwhile.
 *
 * An answer tells the time within its round trip (Cristian's method). The first measure is taken for the middle of these
 * bounds; every later one moves what is known no further than into its own. So a slow answer makes it no worse, and the
 * error stays below half of the first round trip for as long as nobody sets the registry's clock.
 */
import type { Clock } from "@parley/core";

/** A smaller step ahead is an inexact measure. */
const leastMissedMs = 2000;

export class RegistryClock {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #was: { readonly time: number; readonly at: number } | undefined;
  #missedMs = 0;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
  }

  /** Milliseconds since 1970 by the registry's clock; by this machine's until it was heard. */
  get time(): number {
    const was = this.#was;
    return was === undefined ? this.#clock.now() : was.time + (this.#clock.monotonic() - was.at);
  }

  /** Time that passed at the registry and not on this machine's monotonic clock, which stands still in a sleep, in ms. */
  get missedMs(): number {
    return this.#missedMs;
  }

  /** The registry said its time in an answer that came just now, to what was sent at `asked` by the monotonic clock. */
  note(said: number, asked: number): void {
    const at = this.#clock.monotonic();
    const latest = said + (at - asked);
    if (this.#was === undefined) {
      this.#was = { time: (said + latest) / 2, at };
      return;
    }
    const known = this.time;
    const time = Math.min(Math.max(known, said), latest);
    if (time - known >= leastMissedMs) this.#missedMs += time - known;
    this.#was = { time, at };
  }
}
