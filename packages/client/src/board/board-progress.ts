import type { BoardFacts, StreamResponse } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { Peers } from "../peers.ts";
import type { TaskCaller } from "../tasks/task-caller.ts";

export interface BoardProgressOptions {
  readonly directory: Directory;
  readonly peers: Peers;
  readonly caller: TaskCaller;
}

/** How the work on a task goes: asked of its worker, directly, while both are there. */
export class BoardProgress {
  readonly #options: BoardProgressOptions;

  constructor(options: BoardProgressOptions) {
    this.#options = options;
  }

  /** Tells what the worker tells, from now on; nothing where it cannot be reached. Returns the way out. */
  follow({ task, worker, device }: BoardFacts, onProgress: (progress: StreamResponse) => void): () => void {
    const left = new AbortController();
    if (worker !== undefined && device !== undefined)
      this.#begin(task, worker, device, left.signal, onProgress).catch(() => undefined);
    return () => left.abort();
  }

  async #begin(
    task: string,
    worker: string,
    device: string,
    left: AbortSignal,
    onProgress: (progress: StreamResponse) => void,
  ): Promise<void> {
    const { directory, peers, caller } = this.#options;
    const view = await directory.get(worker);
    if (left.aborted || !view.devices.some((one) => one.device === device)) return;
    const peer = peers.peer(view.verified, device);
    peers.onPresence(view);
    caller.listen(peer, task, onProgress, left);
  }
}
