import type { ErrorCode, FrameResult } from "@parley/protocol";

/** What one node did since its start. Plain numbers: counting is on the way of every frame. */
export class NodeCounters {
  relayed = 0;
  stored = 0;
  readonly refused = new Map<ErrorCode, number>();
  /** Frames pushed out of mailboxes. */
  delivered = 0;
  sessions = 0;
  slowReaders = 0;
  inboxChanges = 0;
  deadLetters = 0;

  result({ state, error }: FrameResult): void {
    if (state === "relayed") this.relayed++;
    else if (state === "stored") this.stored++;
    else this.#refused(error?.code ?? "refused");
  }

  #refused(code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}
