/** The board as a program sees it: work for anyone with a skill. */
import type { BoardFacts, BoardState, CallStep, StreamResponse, Task } from "@parley/protocol";

import type { Sender } from "../delivery.ts";

/** What to put on the board. */
export interface BoardRequest {
  readonly skill: string;
  /** JSON value for the skill; goes as a `data` part. */
  readonly input?: unknown;
  /** Words for the skill; go as a `text` part. */
  readonly text?: string;
  /** Higher ones go first. Default 4, at most `limits.boardPriority`. */
  readonly priority?: number;
  /** Milliseconds since 1970 before which it is not begun. */
  readonly notBefore?: number;
  /** Milliseconds since 1970 at which nobody works on it any longer. Default a day from now, at most `limits.boardLifeMs`. */
  readonly deadline?: number;
  /** Starts at most. Default 3. */
  readonly attempts?: number;
  /** How long one start may take. Default five minutes, at most `limits.taskMs`. */
  readonly timeLimitMs?: number;
  /** Ids of own tasks that have to be completed first. */
  readonly after?: readonly string[];
  /** The same key is the same task, however often it is submitted. */
  readonly key?: string;
  /** Delegations by which it is asked for somebody else. */
  readonly chain?: readonly string[];
  readonly hops?: number;
  readonly through?: readonly CallStep[];
  /** Gives up waiting for the registry; what is on the board stays there. */
  readonly signal?: AbortSignal;
}

/** How a task on the board ended well. */
export interface BoardOutcome {
  readonly facts: BoardFacts;
  readonly task: Task;
  /** The `data` of the last artifact's last data part, if any. */
  readonly output: unknown;
  /** All text parts of the artifacts, joined by newlines. */
  readonly text: string;
  /** Who did it, verified by what it signed. */
  readonly worker: Pick<Sender, "member" | "name" | "device">;
}

/** Where a task stands now, by the registry's word; or how the work goes, while its worker can be reached. */
export type BoardEvent = { readonly facts: BoardFacts } | { readonly progress: StreamResponse };

export interface BoardRun {
  readonly id: string;
  /** From now on until the task ends; the newest where nobody reads. One reader. */
  readonly events: AsyncIterable<BoardEvent>;
  /** Resolves when it is completed. Rejects with why not: `canceled`, `expired`, `worker_lost`, `task_failed`, `invalid_input`, ... */
  readonly outcome: Promise<BoardOutcome>;
  /** Follows no longer; the task goes on. `outcome` rejects with `closed`. */
  stop(): void;
}

export interface BoardQuery {
  readonly states?: readonly BoardState[];
  readonly skill?: string;
  /** Default and at most `limits.pageSize`. */
  readonly limit?: number;
  readonly after?: string;
}

export interface BoardPage {
  readonly tasks: readonly BoardFacts[];
  readonly next: string | undefined;
}

/** A task with what is sealed of it, as its asker opens it. */
export interface BoardTaskView {
  readonly facts: BoardFacts;
  /** What was asked. Undefined once it is completed: nobody keeps it. */
  readonly asked: { readonly input: unknown; readonly text: string } | undefined;
  readonly outcome: BoardOutcome | undefined;
  /** Why it failed, in the worker's words. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** What was signed, in order. */
  readonly acts: readonly { readonly type: string; readonly by: string; readonly at: number }[];
}

/** What this device takes from the board. */
export interface BoardWork {
  readonly skills: readonly string[];
  /** Tasks at once, those that were delegated directly included. */
  readonly slots: number;
}

export interface BoardApi {
  /** Puts a task on the board; resolves when the registry has it on disk, and waits for the registry until then. */
  submit(request: BoardRequest): Promise<BoardFacts>;
  /** Throws `task_not_found`. */
  task(id: string): Promise<BoardTaskView>;
  /** Own tasks, newest first. */
  list(query?: BoardQuery): Promise<BoardPage>;
  /** Goes on through outages of the registry. */
  follow(id: string): BoardRun;
  /** Throws `task_not_cancelable`. */
  cancel(id: string): Promise<BoardFacts>;
  /** Once more, with as many starts and as much time as before. Throws `conflict` unless it ended without success. */
  retry(id: string): Promise<BoardFacts>;
  /** What was signed about a task, as a file that `parley task verify` checks. */
  export(id: string): Promise<string>;
  /** Takes tasks for whoever called `serve`. No skills: takes no more. */
  work(work: BoardWork): void;
}
