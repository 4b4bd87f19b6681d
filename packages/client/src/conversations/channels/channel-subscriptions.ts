/** The handlers of channels' posts in this device. */
import type { Archive, Clock, Journal, Random } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { IncomingPost } from "../conversation-api.ts";
import { ChannelSubscription, placeKey } from "./channel-subscription.ts";

export interface ChannelSubscriptionsOptions {
  readonly archive: Archive;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  /** This device's id. */
  readonly device: string;
  /** A channel's name as last heard of. */
  readonly nameOf: (channel: string) => string;
  readonly onError: (error: unknown) => void;
}

export interface SubscribeOptions {
  /** Default `default`. */
  readonly name?: string;
  readonly since?: number;
  readonly replay?: number;
  readonly own?: boolean;
}

interface Begin extends SubscribeOptions {
  /** Place in the archive up to which the channel's history is known to go, also where it is not here yet. Default 0. */
  readonly end?: number;
}

/** Handlers in one process. */
const mostSubscriptions = 1000;
/** Posts from before that a new place begins with, at most: one page of the archive. */
const mostReplayed = 200;
const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

export class ChannelSubscriptions {
  readonly #options: ChannelSubscriptionsOptions;
  readonly #subscriptions = new Map<string, ChannelSubscription>();

  constructor(options: ChannelSubscriptionsOptions) {
    this.#options = options;
  }

  /** Throws `invalid_argument`, `already_exists` for a name that is in use in this process, and `limit_reached`. */
  async subscribe(
    channel: string,
    handler: (post: IncomingPost) => void | Promise<void>,
    options: Begin = {},
  ): Promise<() => void> {
    const { name = "default", since, replay = 0, own = false, end: historyEnd = 0 } = options;
    const { nameOf, ...parts } = this.#options;
    if (!namePattern.test(name))
      throw new ParleyError("invalid_argument", {
        message: "The name of a place has 1 to 64 letters, digits, . _ and -.",
      });
    if (!isWhole(since ?? 0) || !isWhole(replay))
      throw new ParleyError("invalid_argument", { message: "since and replay are whole numbers from 0." });
    const key = placeKey(channel, name);
    if (this.#subscriptions.has(key))
      throw new ParleyError("already_exists", { message: "This place is in use; give the handler a name of its own." });
    if (this.#subscriptions.size >= mostSubscriptions) throw new ParleyError("limit_reached");
    const subscription = new ChannelSubscription({
      ...parts,
      channel,
      name,
      since,
      end: historyEnd,
      replay: Math.min(replay, mostReplayed),
      own,
      handler,
      channelName: () => nameOf(channel),
    });
    this.#subscriptions.set(key, subscription);
    const end = (): void => {
      subscription.stop();
      if (this.#subscriptions.get(key) === subscription) this.#subscriptions.delete(key);
    };
    try {
      await subscription.open();
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  /** Something new of a channel is in the archive. */
  wake(channel: string): void {
    const prefix = placeKey(channel, "");
    for (const [key, subscription] of this.#subscriptions) if (key.startsWith(prefix)) subscription.wake();
  }

  stop(): void {
    for (const subscription of this.#subscriptions.values()) subscription.stop();
    this.#subscriptions.clear();
  }
}

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
