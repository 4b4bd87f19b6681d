/** The tasks that an agent remembers: those at work, and the newest that ended, in bounds. */
import type { Clock, Random, Timer } from "@parley/core";
import { limits, ParleyError, type Part, toBase64url } from "@parley/protocol";

import type { Peer } from "../peer.ts";
import { HeldTask, type HeldTaskOptions } from "./held-task.ts";
import type { Follower } from "./task-feed.ts";

export interface TaskShelfOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly tell: HeldTaskOptions["tell"];
  readonly leave: (parts: readonly Part[], signal: AbortSignal) => Promise<Part[]>;
}

/** What of a task is known when it is put here. */
export type NewTask = Pick<HeldTaskOptions, "owner" | "skill" | "timeLimitMs" | "record" | "id" | "before"> & {
  readonly contextId: string | undefined;
};

export class TaskShelf {
  readonly #options: TaskShelfOptions;
  readonly #tasks = new Map<string, HeldTask>();
  /** Those that ended, oldest first, with what they took then. */
  readonly #ended = new Map<HeldTask, number>();
  #endedBytes = 0;
  /** Those whose caller started anew. */
  readonly #orphans = new Map<HeldTask, Timer>();

  constructor(options: TaskShelfOptions) {
    this.#options = options;
  }

  all(): IterableIterator<HeldTask> {
    return this.#tasks.values();
  }

  get(id: string): HeldTask | undefined {
    return this.#tasks.get(id);
  }

  has(id: string): boolean {
    return this.#tasks.has(id);
  }

  /** Somebody else's task does not exist for the asker (A2A 1.0, section 3.3: not found, never forbidden). */
  find(id: string, owner: string): HeldTask | undefined {
    const held = this.#tasks.get(id);
    return held?.owner === owner ? held : undefined;
  }

  /** The task that a message began. */
  begunBy(messageId: string, owner: string): HeldTask | undefined {
    for (const held of this.#tasks.values())
      if (held.owner === owner && held.record.message.messageId === messageId) return held;
    return undefined;
  }

  /** Throws `limit_reached` when all that are remembered are at work. */
  hold({ contextId, ...task }: NewTask, follower: Follower | undefined): HeldTask {
    const { clock, random, tell, leave } = this.#options;
    if (this.#tasks.size >= limits.tasks && !this.#forgetOldest())
      throw new ParleyError("limit_reached", { message: "This agent works on as many tasks as it can." });
    const held = new HeldTask(
      { clock, random, tell, leave, contextId: contextId ?? toBase64url(random.bytes(12)), ...task },
      follower,
    );
    this.#tasks.set(held.id, held);
    return held;
  }

  /** It has ended: it may be forgotten when there is need. */
  end(held: HeldTask): void {
    if (this.#ended.has(held)) return;
    if (this.#orphans.size > 0) this.rejoined(held);
    const bytes = held.bytes + held.record.bytes;
    this.#ended.set(held, bytes);
    this.#endedBytes += bytes;
    while (this.#endedBytes > limits.endedTaskBytes && this.#forgetOldest());
  }

  /** Nobody waits for what a device that started anew had asked for; it may come back to it for a while. */
  leftBy(peer: Peer): void {
    for (const held of this.#tasks.values()) {
      if (held.owner !== peer.member.member || held.ended) continue;
      held.unfollow(peer);
      // What waits for a yes goes on waiting: its caller may ask for it again.
      if (held.isHeard || held.waitsForYes || this.#orphans.has(held)) continue;
      const timer = this.#options.clock.setTimer(limits.taskRejoinMs, () => {
        this.#orphans.delete(held);
        if (!held.isHeard) held.abort(new ParleyError("canceled", { message: "The caller is gone." }));
      });
      this.#orphans.set(held, timer);
    }
  }

  /** Somebody follows it again, or it ended. */
  rejoined(held: HeldTask): void {
    this.#orphans.get(held)?.cancel();
    this.#orphans.delete(held);
  }

  stop(): void {
    for (const held of this.#orphans.keys()) this.rejoined(held);
  }

  #forgetOldest(): boolean {
    const [oldest] = this.#ended;
    if (oldest === undefined) return false;
    const [held, bytes] = oldest;
    this.#ended.delete(held);
    this.#endedBytes -= bytes;
    this.#tasks.delete(held.id);
    return true;
  }
}
