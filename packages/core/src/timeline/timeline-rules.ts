/** What the entries of each kind of timeline have to be, besides signed and in order. One place, for files and for who writes them. */
import { isTerminal, ParleyError, type TimelineKind } from "@parley/protocol";

import { AgreementRules } from "../agreement/agreement-rules.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/** Judges entry after entry. Throws a coded error for one that may not come next. */
export interface TimelineRules<Kind extends TimelineKind> {
  take(entry: TimelineEntry<Kind>): void;
}

/** A task: first it is submitted, one member works on it, and nothing follows its end. */
class TaskRules implements TimelineRules<"task"> {
  #worker: string | undefined;
  #isSubmitted = false;
  #hasEnded = false;

  take({ statement: { act, by } }: TimelineEntry<"task">): void {
    if (act.type === "submitted") {
      if (this.#isSubmitted) throw bad("A task is submitted once.");
      this.#isSubmitted = true;
      if (by !== act.caller) this.#worker = by;
      return;
    }
    if (!this.#isSubmitted) throw bad("A task's timeline begins with what was asked.");
    this.#worker ??= by;
    if (by !== this.#worker) throw bad("Another member than the one that works on the task says how it goes.");
    if (this.#hasEnded) throw bad("Something follows the end of the task.");
    this.#hasEnded = act.type === "state" && isTerminal(act.state);
  }
}

/** A task on the board: asked for once, each act by who may do it, and nothing but a new try after its end. */
class BoardRules implements TimelineRules<"board"> {
  #asker: string | undefined;
  #started: { readonly by: string; readonly generation: number } | undefined;
  #generation = 0;
  #isOver = false;
  #isCompleted = false;

  take({ statement: { act, by } }: TimelineEntry<"board">): void {
    if (act.type === "submitted") {
      if (this.#asker !== undefined) throw bad("A task is submitted once.");
      this.#asker = by;
      return;
    }
    if (this.#asker === undefined) throw bad("A task's timeline begins with what was asked.");
    if (this.#isCompleted) throw bad("Something follows the completion of the task.");
    if (act.type === "canceled" || act.type === "retried") this.#takeAsker(act.type, by);
    else this.#takeWorker(act, by);
  }

  #takeAsker(type: "canceled" | "retried", by: string): void {
    if (by !== this.#asker) throw bad("Another member than the asker says what becomes of the task.");
    if (type === "canceled" && this.#isOver) throw bad("A task is canceled once.");
    this.#isOver = type === "canceled";
    this.#started = undefined;
  }

  #takeWorker(
    { type, generation }: { readonly type: "started" | "completed" | "failed"; readonly generation: number },
    by: string,
  ): void {
    if (by === this.#asker) throw bad("The asker itself says how the work goes.");
    if (this.#isOver) throw bad("Somebody works on a task that was canceled.");
    if (generation < this.#generation) throw bad("Something is said under an older lease.");
    const isSame = this.#started?.generation === generation;
    if (isSame && (type === "started" || this.#started?.by !== by))
      throw bad("Two say how the work under one lease goes.");
    if (generation === this.#generation && !isSame) throw bad("Something follows the end of the work under a lease.");
    this.#generation = generation;
    this.#started = type === "started" ? { by, generation } : undefined;
    this.#isCompleted = type === "completed";
  }
}

const bad = (message: string): ParleyError => new ParleyError("timeline_broken", { message });

const rules: { readonly [Kind in TimelineKind]: () => TimelineRules<Kind> } = {
  task: () => new TaskRules(),
  board: () => new BoardRules(),
  agreement: () => new AgreementRules(),
};

/** Rules of a kind, for one timeline. */
export const timelineRules = <Kind extends TimelineKind>(kind: Kind): TimelineRules<Kind> => rules[kind]();
