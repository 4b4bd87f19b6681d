import type { Clock } from "@parley/core";
import type { FrameResult } from "@parley/protocol";

import type { RegistryBounds } from "./bounds.ts";
import type { Delivery } from "./delivery.ts";
import type { NodeCounters } from "./node-counters.ts";
import type { SessionSocket } from "./session-socket.ts";
import type { Session } from "./session.ts";
import { Tick } from "./tick.ts";

export interface SessionFramesOptions {
  readonly session: Session;
  readonly socket: Pick<SessionSocket, "pause" | "resume">;
  readonly delivery: Delivery;
  readonly clock: Pick<Clock, "soon">;
  readonly bounds: Pick<RegistryBounds, "storingFrames">;
  readonly counters: NodeCounters;
  readonly onError: (error: unknown) => void;
}

/** Results in one push. */
const resultsPerPush = 512;

/** The frames that one open session's device sends, and what it is told of each. */
export class SessionFrames {
  readonly #options: SessionFramesOptions;
  readonly #flush: Tick;
  #results: FrameResult[] = [];
  #storing = 0;

  constructor(options: SessionFramesOptions) {
    this.#options = options;
    this.#flush = new Tick(
      (run) => options.clock.soon(run),
      () => this.sendResults(),
    );
  }

  get isBusy(): boolean {
    return this.#storing > 0;
  }

  take(bytes: Uint8Array): void {
    const { session, delivery, onError } = this.#options;
    try {
      const result = delivery.carry(session, bytes, (late) => this.#result(late));
      if (result instanceof Promise) void this.#await(result);
      else if (result !== undefined) this.#result(result);
    } catch (error) {
      onError(error);
    }
  }

  /** Says what is known by now; otherwise that happens at the end of the event loop's turn. */
  sendResults(): void {
    const results = this.#results;
    this.#results = [];
    for (let from = 0; from < results.length; from += resultsPerPush)
      this.#options.session.push("frame.results", { results: results.slice(from, from + resultsPerPush) });
  }

  /** Frames that wait for the store hold up the socket of who sends them, once they are many. */
  async #await(result: Promise<FrameResult>): Promise<void> {
    const { socket, bounds, onError } = this.#options;
    if (++this.#storing === bounds.storingFrames) socket.pause();
    try {
      this.#result(await result);
    } catch (error) {
      onError(error);
    } finally {
      if (this.#storing-- === bounds.storingFrames) socket.resume();
    }
  }

  #result(result: FrameResult): void {
    this.#options.counters.result(result);
    this.#results.push(result);
    this.#flush.schedule();
  }
}
