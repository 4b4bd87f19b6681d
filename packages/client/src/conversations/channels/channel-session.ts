/** The order of things when a session begins: which channels there are, then what was said in them, then what waits to be posted. */
import { Backoff, type Clock, type Random, type Timer } from "@parley/core";
import { toParleyError } from "@parley/protocol";

import type { Session } from "../../session.ts";
import type { ChannelBook } from "./channel-book.ts";
import type { ChannelFollower } from "./channel-follower.ts";
import type { PostOutbox } from "./post-outbox.ts";

export interface ChannelSessionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly session: Pick<Session, "isOpen">;
  readonly book: ChannelBook;
  readonly follower: ChannelFollower;
  readonly outbox: PostOutbox;
  /** What an earlier start left has been taken up. */
  readonly opened: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export class ChannelSession {
  readonly #options: ChannelSessionOptions;
  readonly #backoff: Backoff;
  /** Counts sessions. */
  #run = 0;
  /** The channels of this session are known. */
  #isBegun = false;
  #stopped = false;
  #pause: Timer | undefined;

  constructor(options: ChannelSessionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  begin(): void {
    const { follower, outbox } = this.#options;
    this.#run++;
    this.#isBegun = false;
    this.#pause?.cancel();
    this.#backoff.reset();
    // What the session before had under way is void.
    follower.suspend();
    outbox.suspend();
    void this.#begin(this.#run);
  }

  /** This member came into a channel. */
  onJoined(channel: string): void {
    if (this.#isBegun && this.#options.session.isOpen) this.#options.follower.follow(channel);
  }

  stop(): void {
    this.#stopped = true;
    this.#run++;
    this.#pause?.cancel();
  }

  async #begin(run: number): Promise<void> {
    const { opened, book, follower, outbox, session, clock, onError } = this.#options;
    try {
      await opened();
      await book.list({ joined: true, archived: true });
      if (run !== this.#run) return;
      this.#isBegun = true;
      const { joined } = book;
      outbox.begin(new Set(joined.map(({ channel }) => channel)));
      follower.begin(joined);
    } catch (error) {
      if (run !== this.#run || this.#stopped || !session.isOpen) return;
      if (toParleyError(error).code === "internal") onError(error);
      this.#pause = clock.setTimer(this.#backoff.next(), () => void this.#begin(run));
    }
  }
}
