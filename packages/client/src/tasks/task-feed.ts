/** What happened in one task, numbered, and those who hear of it: from now on, or from a number on. */
import type { CallEvent, StreamResponse, Task } from "@parley/protocol";

import type { AllowedPaths } from "../delivery.ts";
import type { Peer } from "../peer.ts";
import { EventRing } from "./event-ring.ts";
import { inEvents } from "./task-pieces.ts";

/** A call whose events go to a device. */
export interface Follower {
  readonly peer: Peer;
  readonly call: number;
  readonly paths: AllowedPaths | undefined;
}

/** One thing that happened: an event, the end, or the error that was the end. */
export interface Happening {
  readonly event?: StreamResponse;
  readonly end?: true;
  readonly error?: NonNullable<CallEvent["error"]>;
}

export interface TaskFeedOptions {
  /** Resolves once the event was taken for sending, which waits for room; never rejects. */
  readonly tell: (follower: Follower, event: CallEvent) => Promise<void>;
  /** The number before the first event. */
  readonly before: number;
}

export class TaskFeed {
  readonly #options: TaskFeedOptions;
  readonly #ring: EventRing<Happening>;
  readonly #followers = new Set<Follower>();

  constructor(options: TaskFeedOptions, first: Follower | undefined) {
    this.#options = options;
    this.#ring = new EventRing(options.before);
    if (first !== undefined) this.#followers.add(first);
  }

  /** Number of the newest event. */
  get last(): number {
    return this.#ring.last;
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  get isHeard(): boolean {
    return this.#followers.size > 0;
  }

  /** Tells everybody. Resolves when their streams took it. */
  async publish(happening: Happening, bytes: number): Promise<void> {
    const number = this.#ring.push(happening, bytes);
    const [only, ...others] = [...this.#followers].map((follower) =>
      this.#options.tell(follower, { call: follower.call, ...happening, number }),
    );
    await (others.length === 0 ? only : Promise.all([only, ...others]));
  }

  /** Tells everybody the only thing that ever happened, which is not kept here. */
  async publishOnly(happening: Happening): Promise<void> {
    const number = this.#ring.skip();
    await Promise.all(
      [...this.#followers].map((follower) =>
        this.#options.tell(follower, { call: follower.call, ...happening, number }),
      ),
    );
  }

  /**
   * One more follower. After a number it hears everything that came then, or where that is not remembered the whole task with
   * the gap declared; without one the whole task as it stands.
   */
  follow(follower: Follower, task: Task, after: number | undefined, final: Happening | undefined): void {
    const missed = after === undefined ? undefined : this.#ring.after(after);
    if (missed !== undefined) for (const [number, happening] of missed) this.#tell(follower, { ...happening, number });
    else {
      const pieces = inEvents(task);
      const last = pieces.length - 1;
      pieces.forEach((event, index) =>
        this.#tell(follower, {
          event,
          ...(index === last ? { number: Math.max(1, this.#ring.last) } : {}),
          ...(index === 0 && after !== undefined ? { gap: { after } } : {}),
          ...(index === last && final?.end === true ? { end: true } : {}),
        }),
      );
      if (final?.error !== undefined) this.#tell(follower, { error: final.error });
    }
    if (final !== undefined) return;
    // A call that asks again is one follower, not two.
    for (const other of this.#followers)
      if (other.peer === follower.peer && other.call === follower.call) this.#followers.delete(other);
    this.#followers.add(follower);
  }

  /** A device does not wait for this any more. */
  unfollow(peer: Peer): void {
    for (const follower of this.#followers) if (follower.peer === peer) this.#followers.delete(follower);
  }

  /** Nothing follows after this. */
  close(): void {
    this.#followers.clear();
  }

  #tell(follower: Follower, event: Omit<CallEvent, "call">): void {
    void this.#options.tell(follower, { call: follower.call, ...event });
  }
}
