import type { BoardApi, BoardPage, BoardRun, BoardTaskView, BoardWork } from "@parley/client";
import { type BoardFacts, ParleyError } from "@parley/protocol";

const none = (): ParleyError => new ParleyError("unsupported_operation");

/** A board that nobody put anything on: it remembers what a device would take from it. */
export class FakeBoard implements BoardApi {
  readonly works: BoardWork[] = [];

  submit(): Promise<BoardFacts> {
    return Promise.reject(none());
  }

  task(): Promise<BoardTaskView> {
    return Promise.reject(none());
  }

  async list(): Promise<BoardPage> {
    return { tasks: [], next: undefined };
  }

  follow(): BoardRun {
    throw none();
  }

  cancel(): Promise<BoardFacts> {
    return Promise.reject(none());
  }

  retry(): Promise<BoardFacts> {
    return Promise.reject(none());
  }

  export(): Promise<string> {
    return Promise.reject(none());
  }

  work(work: BoardWork): void {
    this.works.push(work);
  }
}
