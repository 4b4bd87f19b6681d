import type { Clock, Timer } from "@parley/core";

import type { RegistryBounds } from "./bounds.ts";
import type { SessionSocket } from "./session-socket.ts";

export interface CatchUpOptions {
  readonly socket: Pick<SessionSocket, "bufferedBytes" | "onceDrained">;
  readonly clock: Pick<Clock, "setTimer">;
  readonly bounds: Pick<RegistryBounds, "congestedBytes" | "waitingFrames" | "sessionBufferBytes" | "slowReaderMs">;
  /** The device did not catch up in time. */
  readonly onHopeless: () => void;
}

/**
 * What waits for a device that reads more slowly than others send to it. The results of frames to it wait too, so that
 * a sender that waits for results slows down towards this device, and towards no other.
 */
export class CatchUp<Sender> {
  readonly #options: CatchUpOptions;
  readonly #waiting = new Map<Sender, ((isGone: boolean) => void)[]>();
  #timer: Timer | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** More waits in its socket than should. */
  get isNeeded(): boolean {
    const { socket, bounds } = this.#options;
    return socket.bufferedBytes > bounds.congestedBytes;
  }

  /** False while the device has enough of this sender, or of all of them, already. */
  hasRoomFor(sender: Sender, bytes: number): boolean {
    if (!this.isNeeded) return true;
    const { socket, bounds } = this.#options;
    if ((this.#waiting.get(sender)?.length ?? 0) >= bounds.waitingFrames) return false;
    // Half of the buffer is left for what the node itself has to say.
    return socket.bufferedBytes + bytes <= bounds.sessionBufferBytes / 2;
  }

  /** Calls when the device has read what waits for it, or is gone. */
  once(sender: Sender, run: (isGone: boolean) => void): void {
    const waiting = this.#waiting.get(sender) ?? [];
    waiting.push(run);
    this.#waiting.set(sender, waiting);
    if (this.#timer !== undefined) return;
    const { socket, clock, bounds, onHopeless } = this.#options;
    this.#timer = clock.setTimer(bounds.slowReaderMs, onHopeless);
    socket.onceDrained(() => this.end(false));
  }

  /** Lets everything go that waits. */
  end(isGone: boolean): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const run of waiting) run(isGone);
  }
}
