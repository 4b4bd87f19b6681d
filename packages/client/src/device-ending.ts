/** Waits for what is in hand before a device stops, or hands its inbox to another instance. */
import type { Clock } from "@parley/core";

import type { Exchanges } from "./exchanges.ts";
import type { Intake } from "./intake.ts";
import type { Peers } from "./peers.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";

export interface DeviceEndingOptions {
  readonly clock: Clock;
  readonly session: Session;
  readonly relay: Relay;
  readonly intake: Intake;
  readonly peers: Peers;
  readonly exchanges: Exchanges;
}

const drainMs = 2000;
/** Longest time that an instance which was asked for the inbox takes to acknowledge what it has. */
const handOverMs = 1000;
/** Long enough for what one tick wrote to leave. */
const leaveMs = 20;

export class DeviceEnding {
  readonly #options: DeviceEndingOptions;

  constructor(options: DeviceEndingOptions) {
    this.#options = options;
  }

  /** Gives what is under way a moment to be acknowledged, and the inbox to whoever wants it. */
  async drain(): Promise<void> {
    const { intake, peers, relay, exchanges } = this.#options;
    const isBusy = (): boolean => peers.hasUnsettled || relay.isBusy || intake.isBusy || !exchanges.channels.isStored;
    await this.#quiet(isBusy, drainMs);
    await intake.receipts.flush();
    await this.settled();
    await intake.holder.release();
  }

  /** What was taken is on disk, and those who sent it know; undefined when nothing waits for that. */
  acknowledged(): Promise<void> | undefined {
    const { intake, peers } = this.#options;
    const isBusy = (): boolean => intake.isBusy || peers.isFlushing;
    return isBusy() ? this.#quiet(isBusy, handOverMs) : undefined;
  }

  /** What this tick wrote has left. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setTimer(leaveMs, resolve));
  }

  /** Looks again and again while something is busy, the session lasts and there is time. */
  async #quiet(isBusy: () => boolean, mostMs: number): Promise<void> {
    const { clock, session } = this.#options;
    const until = clock.monotonic() + mostMs;
    do await this.settled();
    while (isBusy() && session.isOpen && clock.monotonic() < until);
  }
}
