/**
 * When a link through TURN is tried for something better: soon after it opened, then ever more rarely, at once when the
 * network of this machine changes, and in any case before its credentials run out.
 */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";

import type { AttemptPurpose } from "./link-attempt.ts";

export interface LinkLadderOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** False with a policy that allows TURN only. */
  readonly wantsDirect: boolean;
  /** Makes an attempt beside the open link, if one can be made now. */
  readonly attempt: (purpose: Exclude<AttemptPurpose, "first">) => void;
}

const firstMs = 3000;
const mostMs = 300_000;
/** However short the life of credentials, a link is not replaced more often than this. */
const leastMs = 10_000;

export class LinkLadder {
  readonly #options: LinkLadderOptions;
  readonly #pauses: Backoff;
  #timer: Timer | undefined;
  /** Monotonic time from which the credentials of the open link are to be replaced. */
  #freshAt = Number.POSITIVE_INFINITY;

  constructor(options: LinkLadderOptions) {
    this.#options = options;
    this.#pauses = new Backoff(options.random, { firstMs, mostMs });
  }

  /** A link through TURN opened, whose credentials are to be replaced from `freshAt` on. */
  onTurn(freshAt: number): void {
    this.#freshAt = freshAt;
    this.#pauses.reset();
    this.#schedule();
  }

  /** A direct link opened, or there is none any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The network changed: what did not work before may work now. */
  onNetwork(): void {
    if (this.#timer === undefined || !this.#options.wantsDirect) return;
    this.#pauses.reset();
    this.#options.attempt("better");
    this.#schedule();
  }

  /** The other side is trying: this one need not for a while. */
  onOther(): void {
    if (this.#timer !== undefined) this.#schedule();
  }

  #schedule(): void {
    this.stop();
    const { clock, wantsDirect } = this.#options;
    const pause = this.#pauses.next();
    const untilFresh = Math.max(this.#freshAt - clock.monotonic(), leastMs);
    if (!wantsDirect && untilFresh === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.setTimer(wantsDirect ? Math.min(pause, untilFresh) : untilFresh, () => this.#due());
  }

  #due(): void {
    const { clock, attempt } = this.#options;
    const isStale = clock.monotonic() >= this.#freshAt;
    // A replacement that fails is tried again at the pace of the others.
    if (isStale) this.#freshAt = clock.monotonic() + this.#pauses.next();
    attempt(isStale ? "fresh" : "better");
    this.#schedule();
  }
}
