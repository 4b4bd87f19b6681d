import { hasBoardTaskEnded } from "@parley/core";
import { type BoardView, limits, ParleyError } from "@parley/protocol";

import { type BoardNews, type BoardSession, withoutInput } from "./board-session.ts";
import type { KnownTask, StoredTask } from "./stored-task.ts";

/** Sessions of askers that hear how their tasks stand. */
export class BoardFollowers {
  readonly #news: BoardNews;
  readonly #viewOf: (stored: StoredTask) => BoardView;
  readonly #ofTask = new Map<string, Set<BoardSession>>();
  readonly #ofSession = new Map<BoardSession, Set<string>>();

  constructor(news: BoardNews, viewOf: (stored: StoredTask) => BoardView) {
    this.#news = news;
    this.#viewOf = viewOf;
  }

  /** From now on until the task ends. Tells how it stands. Throws `limit_reached`. */
  follow(session: BoardSession, stored: StoredTask): void {
    if (hasBoardTaskEnded(stored.is.state)) return this.#tell(session, stored);
    const own = this.#ofSession.get(session) ?? new Set();
    if (!own.has(stored.task) && own.size >= limits.boardFollowed) throw new ParleyError("limit_reached");
    this.#ofSession.set(session, own.add(stored.task));
    this.#ofTask.set(stored.task, (this.#ofTask.get(stored.task) ?? new Set()).add(session));
    this.#tell(session, stored);
  }

  changed(stored: StoredTask, before: KnownTask | undefined): void {
    const sessions = this.#ofTask.get(stored.task);
    if (sessions === undefined || before?.is === stored.is) return;
    for (const session of sessions) this.#tell(session, stored);
    if (!hasBoardTaskEnded(stored.is.state)) return;
    this.#ofTask.delete(stored.task);
    for (const session of sessions) this.#ofSession.get(session)?.delete(stored.task);
  }

  remove(session: BoardSession): void {
    for (const task of this.#ofSession.get(session) ?? []) {
      const sessions = this.#ofTask.get(task);
      sessions?.delete(session);
      if (sessions?.size === 0) this.#ofTask.delete(task);
    }
    this.#ofSession.delete(session);
  }

  /** What was signed and sealed is told once it has ended. */
  #tell(session: BoardSession, stored: StoredTask): void {
    const view = withoutInput(this.#viewOf(stored));
    if (hasBoardTaskEnded(stored.is.state)) return this.#news.changed(session, view);
    const { entries: _entries, own: _own, result: _result, ...facts } = view;
    this.#news.changed(session, facts);
  }
}
