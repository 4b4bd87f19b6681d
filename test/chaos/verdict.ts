/** What a run can be found guilty of. */
export type FindingKind =
  /** Accepted, and neither handled by all who should nor ended with a code. */
  | "lost"
  /** Handled twice in one life, or a second time without its flag. */
  | "double"
  /** Flagged as redelivered though nothing happened that could have brought it before. */
  | "unaccounted"
  /** Handled before something that was sent before it. */
  | "order"
  /** A state that was not so, or came after one that ends all. */
  | "false-state"
  /** Handled, and never sent. */
  | "invented"
  /** Still in an outbox, or never said to have ended, when all was quiet. */
  | "unsettled"
  /** A process ended by itself. */
  | "process";

export interface Finding {
  readonly kind: FindingKind;
  readonly text: string;
}

export interface Counts {
  accepted: number;
  acceptedLive: number;
  /** Durable envelopes handled for the first time, by each device that had to. */
  handled: number;
  handledLive: number;
  redelivered: number;
  /** Of the redelivered: those that a restart accounts for, and those that a change of holder does. */
  afterRestart: number;
  afterHolder: number;
  /** Handled though its sender was killed before it could say that it was accepted. */
  acceptedUnseen: number;
  /** Delivered though its sender was killed before it could say so. */
  settledUnseen: number;
  tasksAsked: number;
  tasksAnswered: number;
  tasksFailed: number;
  /** Milliseconds from acceptance to the first handling, at most. */
  longestMs: number;
  /** Milliseconds in which no device handled anything, at most. */
  longestGapMs: number;
  /** Durable envelopes by the path by which they were handled, and by the state in which they ended otherwise. */
  readonly paths: Record<string, number>;
  readonly ends: Record<string, number>;
}

export interface Verdict {
  readonly counts: Counts;
  /** How often each kind was found. */
  readonly found: Readonly<Partial<Record<FindingKind, number>>>;
  /** The first of each kind. */
  readonly findings: readonly Finding[];
}

const keptPerKind = 5;

/** Collects findings: all are counted, the first few of each kind kept. */
export class Findings {
  readonly found: Partial<Record<FindingKind, number>> = {};
  readonly kept: Finding[] = [];

  add(kind: FindingKind, text: string): void {
    const count = (this.found[kind] ?? 0) + 1;
    this.found[kind] = count;
    if (count <= keptPerKind) this.kept.push({ kind, text });
  }
}
