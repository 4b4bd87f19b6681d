import type { Clock } from "@parley/core";

import type { RegistryBounds } from "./bounds.ts";
import type { MemberShare, WaitingIntake } from "./member-share.ts";
import type { SessionSocket } from "./session-socket.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface SessionIntakeOptions {
  readonly share: MemberShare;
  readonly socket: Pick<SessionSocket, "pause" | "resume">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly bounds: Pick<RegistryBounds, "messagesPerSecond" | "bytesPerSecond">;
  readonly read: (message: string | Uint8Array) => void;
}

/** A request is more work than a frame that is passed on. */
const textWeight = 4;
const bytesWeight = 1;

/**
 * What one open session's device sends, in its order, no faster than its share. While something waits, its socket is not
 * read: no more than one read of it lies here.
 */
export class SessionIntake implements WaitingIntake {
  readonly #options: SessionIntakeOptions;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #waiting: (string | Uint8Array)[] = [];
  /** Of what waits, the place of the next one: a long row is not moved for each. */
  #at = 0;
  #closed = false;

  constructor(options: SessionIntakeOptions) {
    this.#options = options;
    const { bounds, clock } = options;
    const now = clock.monotonic();
    this.#messages = new TokenBucket(bounds.messagesPerSecond, bounds.messagesPerSecond, now);
    this.#bytes = new TokenBucket(bounds.bytesPerSecond, bounds.bytesPerSecond, now);
  }

  take(message: string | Uint8Array): void {
    const { share, socket, clock, read } = this.#options;
    const isFirst = this.#waiting.length === 0;
    if (isFirst && this.waitMs(clock.monotonic()) === 0 && share.take(message.length, weightOf(message))) {
      this.#count(message);
      return read(message);
    }
    this.#waiting.push(message);
    if (!isFirst) return;
    socket.pause();
    share.wait(this);
  }

  waitMs(now: number): number {
    return Math.max(this.#messages.waitMs(now), this.#bytes.waitMs(now));
  }

  next(): boolean {
    const { share, socket, read } = this.#options;
    const message = this.#waiting[this.#at++];
    if (message === undefined || this.#closed) return false;
    this.#count(message);
    share.count(message.length, weightOf(message));
    read(message);
    if (this.#at < this.#waiting.length) return true;
    this.#waiting = [];
    this.#at = 0;
    socket.resume();
    return false;
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#options.share.leave(this);
  }

  #count(message: string | Uint8Array): void {
    const now = this.#options.clock.monotonic();
    this.#messages.spend(1, now);
    this.#bytes.spend(message.length, now);
  }
}

const weightOf = (message: string | Uint8Array): number => (typeof message === "string" ? textWeight : bytesWeight);
