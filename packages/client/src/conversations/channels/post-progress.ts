/** What became of one post that this device accepted, and who waits for it. */
import { type DeliveryState, hasReached, isEndState, mayFollow } from "@parley/protocol";

import type { Delivery, Sent } from "../../delivery.ts";

export interface PostProgressOptions {
  readonly id: string;
  /** What an earlier start of this device knew. Default: accepted. */
  readonly state?: DeliveryState;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly onDelivery: (delivery: Delivery) => void;
}

/** Nothing comes after this: a channel does not say who read it. */
const isOver = (state: DeliveryState): boolean => state === "stored" || isEndState(state);

export class PostProgress {
  readonly #options: PostProgressOptions;
  readonly #started: number;
  readonly #settled = Promise.withResolvers<Delivery>();
  readonly sent: Sent;
  #newest: Delivery;
  #watchers: ((delivery: Delivery) => void)[] = [];

  constructor(options: PostProgressOptions) {
    this.#options = options;
    this.#started = options.monotonic();
    this.#newest = this.#fact(options.state ?? "accepted", undefined);
    if (isOver(this.#newest.state)) this.#settled.resolve(this.#newest);
    this.sent = {
      id: options.id,
      accepted: this.#newest,
      state: () => this.#newest,
      settled: this.#settled.promise,
      reaches: (state) => this.#reaches(state),
    };
  }

  get state(): DeliveryState {
    return this.#newest.state;
  }

  /** Tells that it was accepted. */
  announce(): void {
    this.#options.onDelivery(this.#newest);
  }

  reach(state: "stored" | "refused", error?: Delivery["error"]): void {
    if (!mayFollow(this.#newest.state, state)) return;
    this.#newest = this.#fact(state, error);
    this.#options.onDelivery(this.#newest);
    this.#tell(this.#newest);
  }

  /** Nobody will hear of anything any more. */
  stop(error: NonNullable<Delivery["error"]>): void {
    this.#tell({ ...this.#newest, error });
  }

  #tell(delivery: Delivery): void {
    this.#settled.resolve(delivery);
    for (const watcher of this.#watchers.splice(0)) watcher(delivery);
  }

  #reaches(state: DeliveryState): Promise<Delivery> {
    const newest = this.#newest;
    if (hasReached(newest.state, state) || isOver(newest.state)) return Promise.resolve(newest);
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  #fact(state: DeliveryState, error: Delivery["error"]): Delivery {
    const { id, now, monotonic } = this.#options;
    const tookMs = monotonic() - this.#started;
    return { id, state, at: now(), tookMs, path: undefined, reason: undefined, device: undefined, error };
  }
}
