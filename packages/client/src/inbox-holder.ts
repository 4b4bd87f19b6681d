/**
 * Whether this device takes its member's messages. A person's devices all do; of an agent's instances the one with the
 * inbox lease does, by its node's word and not a moment longer than the node said. An only device needs no lease.
 */
import { type Clock, type Timer } from "@parley/core";
import type { PushBody } from "@parley/protocol";

import type { Session } from "./session.ts";

export interface InboxHolderOptions {
  readonly session: Pick<Session, "request">;
  readonly clock: Clock;
  readonly kind: "agent" | "person";
  /** Devices on the member's newest list. */
  readonly listed: () => number;
  /** The inbox is another instance's from now on. */
  readonly onLost: () => void;
  readonly onError: (error: unknown) => void;
}

export class InboxHolder {
  readonly #options: InboxHolderOptions;
  #generation = 0;
  /** Monotonic time until which the lease holds. */
  #until = 0;
  #end: Timer | undefined;
  #closed = false;

  constructor(options: InboxHolderOptions) {
    this.#options = options;
  }

  get holds(): boolean {
    const { kind, clock, listed } = this.#options;
    if (this.#closed) return false;
    return kind === "person" || clock.monotonic() < this.#until || listed() <= 1;
  }

  onLease({ generation, lifeMs }: PushBody<"inbox.lease">): void {
    if (generation < this.#generation) return;
    const { clock, session, onError } = this.#options;
    this.#generation = generation;
    this.#end?.cancel();
    this.#until = clock.monotonic() + lifeMs;
    if (lifeMs > 0) this.#end = clock.setTimer(lifeMs, () => this.#lose());
    else {
      this.#lose();
      // From here on nothing is taken: another instance may.
      session.request("inbox.release", { generation }).catch(onError);
    }
  }

  /** Takes nothing more: this device is about to stop. */
  close(): void {
    this.#closed = true;
  }

  /** Lets another instance take the inbox at once. */
  async release(): Promise<void> {
    const { clock, session, onError } = this.#options;
    if (clock.monotonic() >= this.#until) return;
    this.#until = 0;
    await session.request("inbox.release", { generation: this.#generation }).catch(onError);
  }

  stop(): void {
    this.#end?.cancel();
  }

  #lose(): void {
    this.#until = 0;
    if (!this.holds) this.#options.onLost();
  }
}
