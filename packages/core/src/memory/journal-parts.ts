import type { DeliveryFact, DeliveryPage, DeliveryRecord } from "../ports/journal-history.ts";
import type {
  InboundPlace,
  InboundStreamId,
  JournalState,
  NewOutboxEntry,
  PendingEntry,
  PendingQuery,
  ReceivedEntry,
} from "../ports/journal.ts";
import type { DeliveryPlan } from "./journal-checks.ts";
import type { FactRange } from "./journal-fact-ranges.ts";

/** At once, or when it is durable. */
type Eventually<Value> = Value | Promise<Value>;

/** A fact about numbers of what was sent. */
export type SentFact = Omit<FactRange, "order">;

/**
 * What an adapter keeps of a journal, in parts that `CheckedJournal` puts together. Each takes checked arguments while the journal is
 * open, and keeps the contract of the method of `Journal` that it stands for.
 */
export interface JournalParts {
  readonly outbox: JournalOutbox;
  readonly inbox: JournalInbox;
  readonly history: JournalHistory;
  readonly states: JournalStates;
  /** Throws unless the journal can be used. */
  checkOpen(): void;
  load(): Eventually<JournalState>;
  close(): Eventually<void>;
}

export interface JournalOutbox {
  append(entry: NewOutboxEntry): Eventually<void>;
  note(recipient: string, noted: SentFact): Eventually<void>;
  settle(recipient: string, upToSeq: number): Eventually<void>;
  drop(recipient: string, seq: number): Eventually<void>;
  newEpoch(): Eventually<string>;
}

export interface JournalInbox {
  /** `bytes`: of all bodies. */
  commit(
    stream: InboundStreamId,
    seq: number,
    entries: readonly ReceivedEntry[],
    bytes: number,
  ): Eventually<readonly number[]>;
  settle(entry: InboundPlace, fact: DeliveryFact): Eventually<void>;
  note(entry: InboundPlace, fact: DeliveryFact): Eventually<void>;
  noteAttempt(entry: InboundPlace): Eventually<number>;
  pending(query: PendingQuery): Eventually<readonly PendingEntry[]>;
  senders(): readonly string[];
  /** Undefined if this is no dead letter's place. */
  reopen(place: number): Eventually<PendingEntry | undefined>;
  forget(stream: InboundStreamId): Eventually<void>;
}

export interface JournalHistory {
  page(plan: DeliveryPlan): Eventually<DeliveryPage>;
  /** False, and nothing removed, if one of them is pending. */
  remove(places: readonly number[]): Eventually<boolean>;
  /** `bytes`: of all bodies. */
  import(records: readonly DeliveryRecord[], bytes: number): Eventually<void>;
}

export interface JournalStates {
  get(key: string): Eventually<Uint8Array | undefined>;
  put(key: string, value: Uint8Array | undefined): Eventually<void>;
}
