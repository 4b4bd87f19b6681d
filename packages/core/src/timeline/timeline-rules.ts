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

const bad = (message: string): ParleyError => new ParleyError("timeline_broken", { message });

const rules: { readonly [Kind in TimelineKind]: () => TimelineRules<Kind> } = {
  task: () => new TaskRules(),
  agreement: () => new AgreementRules(),
};

/** Rules of a kind, for one timeline. */
export const timelineRules = <Kind extends TimelineKind>(kind: Kind): TimelineRules<Kind> => rules[kind]();
