import type { SessionSocket } from "./session-socket.ts";

/** Several reasons not to read a socket: it is read again when none is left. */
export class ReadingHolds {
  readonly #socket: Pick<SessionSocket, "pause" | "resume">;
  #holds = 0;

  constructor(socket: Pick<SessionSocket, "pause" | "resume">) {
    this.#socket = socket;
  }

  pause(): void {
    if (this.#holds++ === 0) this.#socket.pause();
  }

  resume(): void {
    if (--this.#holds === 0) this.#socket.resume();
  }
}
