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
  /** Posts that were appended to channels, those sent again, and how many were handed to followers. */
  posted = 0;
  postsAgain = 0;
  postsDelivered = 0;
  /** Batches read from the log for followers, and those that they found in memory. */
  postPagesRead = 0;
  postPagesShared = 0;
  readonly postsRefused = new Map<ErrorCode, number>();
  /** Followers that were left behind because they read slowly. */
  followersBehind = 0;

  /** Connections and requests that were closed or refused for their number, by why. */
  readonly turnedAwayFor = new Map<string, number>();

  turnedAway(why: string): void {
    countIn(this.turnedAwayFor, why);
  }

  result({ state, error }: FrameResult): void {
    if (state === "relayed") this.relayed++;
    else if (state === "stored") this.stored++;
    else countIn(this.refused, error?.code ?? "refused");
  }

  postRefused(code: ErrorCode): void {
    countIn(this.postsRefused, code);
  }
}

function countIn<Key extends string>(counts: Map<Key, number>, code: Key): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}
