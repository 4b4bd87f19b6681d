/**
 * What became of everything that a durable stream accepted: one place that knows the states, in which order they may
 * follow each other, and who is told.
 */
import type { DeliveryFact } from "@parley/core";
import { type ErrorCode, hasReached, isEndState, mayFollow, type Path } from "@parley/protocol";

import type { Delivery, DeliveryState, Sent } from "./delivery.ts";
import type { OutboxPage } from "./outbox-page.ts";

/** Ends without success. */
export type EndState = "expired" | "refused" | "dead-lettered";

/** What is known beside the state. */
export interface DeliveryFacts {
  readonly path?: Path | undefined;
  readonly reason?: string | undefined;
  readonly device?: string | undefined;
  readonly error?: { readonly code: ErrorCode; readonly message: string } | undefined;
}

export interface LedgerOptions {
  /** Wall time, ms since 1970, and monotonic time. */
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly onDelivery: (delivery: Delivery) => void;
  /** Where facts are written down. */
  readonly page: Pick<OutboxPage, "note">;
  /** An end was written down. */
  readonly onClosed: () => void;
}

export interface AcceptedBody {
  readonly id: string;
  /** Numbers of its first and last envelope. */
  readonly firstSeq: number;
  readonly seq: number;
  /** Monotonic time. */
  readonly started: number;
  /** Monotonic time when it is worth nothing any more; infinite for never. */
  expires: number;
  /** What an earlier life of the process knew. */
  readonly state?: DeliveryState;
}

interface Entry extends AcceptedBody {
  newest: Delivery;
  /** Its end is being written down: nothing else comes of it any more. */
  isClosing: boolean;
  /** Nothing is followed any more. */
  unfollowed: DeliveryFacts["error"];
  readonly settled: PromiseWithResolvers<Delivery>;
  /** Who waits for a state beyond the settlement. */
  watchers: ((delivery: Delivery) => void)[];
}

/** Whoever only waits for delivery has its answer with these. */
const isSettled = (state: DeliveryState): boolean => !mayFollow(state, "delivered");
/** What was delivered is followed until it is handled, as many as this. */
const mostFollowed = 8192;
const notFollowed = { code: "limit_reached", message: "Too many later messages are followed as well." } as const;

export class DeliveryLedger {
  readonly #options: LedgerOptions;
  /** By the last number of the body, ascending. */
  readonly #entries = new Map<number, Entry>();
  #last = 0;
  #settledCount = 0;
  /** First numbers of bodies whose end is being written down. */
  readonly #closing = new Set<number>();
  /** Entries that have a time limit. */
  #expiring = 0;
  #stopped: DeliveryFacts["error"];

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  accept(body: AcceptedBody): Entry {
    const entry: Entry = {
      ...body,
      newest: this.#fact(body, body.state ?? "accepted", {}),
      isClosing: false,
      unfollowed: this.#stopped,
      settled: Promise.withResolvers<Delivery>(),
      watchers: [],
    };
    this.#entries.set(body.seq, entry);
    this.#last = Math.max(this.#last, body.seq);
    if (body.expires !== Infinity) this.#expiring++;
    if (isSettled(entry.newest.state)) {
      this.#settledCount++;
      entry.settled.resolve(entry.newest);
    }
    if (this.#stopped !== undefined) this.#unfollow(entry, this.#stopped);
    return entry;
  }

  /** Tells of something newly accepted, and gives the caller its handle. */
  announce(entry: Entry): Sent {
    const accepted = entry.newest;
    this.#options.onDelivery(accepted);
    return {
      id: entry.id,
      accepted,
      state: () => entry.newest,
      settled: entry.settled.promise,
      reaches: (state) => this.#reaches(entry, state),
    };
  }

  /** Tells of something that is not followed here: an end that was written down before, or news of an earlier start's message. */
  tell(id: string, state: DeliveryState, facts: DeliveryFacts = {}): void {
    const started = this.#options.monotonic();
    this.#options.onDelivery(this.#fact({ id, firstSeq: 0, seq: 0, started, expires: Infinity }, state, facts));
  }

  /** Everything from one number to another came to a state. Those that are beyond it already stay where they are. */
  advance(from: number, to: number, state: DeliveryState, facts: DeliveryFacts = {}, at = this.#options.now()): void {
    const [lowest = 0] = this.#entries.keys();
    let first: number | undefined;
    let last: Delivery | undefined;
    for (let seq = Math.max(from, lowest); seq <= Math.min(to, this.#last); seq++) {
      const entry = this.#entries.get(seq);
      if (entry === undefined || entry.isClosing || !mayFollow(entry.newest.state, state)) continue;
      first ??= entry.firstSeq;
      last = this.#change(entry, state, facts, at);
    }
    if (first !== undefined && last !== undefined) this.#options.page.note(first, to, writtenOf(last));
  }

  /**
   * One body ends without success: from here on nothing else comes of it. It is told once it is on disk: another start
   * must not send after all what was said to have ended. `onWritten` is called then; never for what came to an end before.
   */
  end(seq: number, state: EndState, facts: DeliveryFacts = {}, onWritten: () => void = () => {}): void {
    const entry = this.#entries.get(seq);
    if (entry === undefined || entry.isClosing || !mayFollow(entry.newest.state, state)) return;
    entry.isClosing = true;
    this.#closing.add(entry.firstSeq);
    const { page, now, onClosed } = this.#options;
    page.note(entry.firstSeq, seq, writtenOf({ ...facts, state, at: now() }), undefined, () => {
      this.#closing.delete(entry.firstSeq);
      onWritten();
      if (this.#entries.get(seq) === entry) this.#change(entry, state, facts, now());
      onClosed();
    });
  }

  /** What is known of the body with this last number: `open` while nobody has it, `taken` once a device does, else `ended`. */
  standing(seq: number): "open" | "taken" | "ended" {
    const entry = this.#entries.get(seq);
    if (entry === undefined || entry.isClosing) return "ended";
    return isSettled(entry.newest.state) ? "taken" : "open";
  }

  /** Everything up to here may leave the outbox: of what comes after it an end is not on disk yet, and a later start would know none. */
  get closedUpTo(): number {
    return this.#closing.size === 0 ? Infinity : Math.min(...this.#closing) - 1;
  }

  /** Bodies whose time is over since the last time, and whether a device has them. */
  takeDue(now: number): readonly { readonly firstSeq: number; readonly seq: number; readonly isDelivered: boolean }[] {
    if (this.#expiring === 0) return [];
    const due = [...this.#entries.values()].filter(({ expires }) => expires <= now);
    for (const entry of due) entry.expires = Infinity;
    this.#expiring -= due.length;
    return due.map(({ firstSeq, seq, newest }) => ({ firstSeq, seq, isDelivered: isSettled(newest.state) }));
  }

  /** Nobody will hear of anything any more. */
  stop(error: NonNullable<DeliveryFacts["error"]>): void {
    this.#stopped = error;
    for (const entry of this.#entries.values()) this.#unfollow(entry, error);
  }

  /** Whoever waits hears no more than what is known now. */
  #unfollow(entry: Entry, error: NonNullable<DeliveryFacts["error"]>): void {
    entry.unfollowed = error;
    for (const watcher of entry.watchers.splice(0)) watcher({ ...entry.newest, error });
    entry.settled.resolve({ ...entry.newest, error });
  }

  #reaches(entry: Entry, state: DeliveryState): Promise<Delivery> {
    if (hasReached(entry.newest.state, state)) return Promise.resolve(entry.newest);
    if (entry.unfollowed !== undefined) return Promise.resolve({ ...entry.newest, error: entry.unfollowed });
    return new Promise((resolve) => {
      const watch = (delivery: Delivery): void => {
        if (hasReached(delivery.state, state) || delivery.error !== undefined) resolve(delivery);
        else entry.watchers.push(watch);
      };
      entry.watchers.push(watch);
    });
  }

  #fact(body: AcceptedBody, state: DeliveryState, facts: DeliveryFacts, at = this.#options.now()): Delivery {
    return {
      id: body.id,
      state,
      at,
      tookMs: this.#options.monotonic() - body.started,
      path: facts.path,
      reason: facts.reason,
      device: facts.device,
      error: facts.error,
    };
  }

  #change(entry: Entry, state: DeliveryState, facts: DeliveryFacts, at: number): Delivery {
    const { path, reason } = entry.newest;
    const wasSettled = isSettled(entry.newest.state);
    const merged = { path, reason, ...facts };
    // How things stand when an answer comes is not why something went: through the registry it keeps the reason it left with.
    const byLink = merged.path === "direct" || merged.path === "turn";
    entry.newest = this.#fact(entry, state, byLink ? merged : { ...merged, reason: reason ?? merged.reason }, at);
    this.#options.onDelivery(entry.newest);
    if (!wasSettled && isSettled(state)) {
      this.#settledCount++;
      entry.settled.resolve(entry.newest);
    }
    for (const watcher of entry.watchers.splice(0)) watcher(entry.newest);
    if (isEndState(state) || state === "read") this.#remove(entry);
    else if (this.#settledCount > mostFollowed) this.#forgetOldest();
    return entry.newest;
  }

  #forgetOldest(): void {
    for (const entry of this.#entries.values()) {
      if (!isSettled(entry.newest.state)) continue;
      this.#remove(entry);
      this.#unfollow(entry, notFollowed);
      return;
    }
  }

  #remove(entry: Entry): void {
    if (!this.#entries.delete(entry.seq)) return;
    if (isSettled(entry.newest.state)) this.#settledCount--;
    if (entry.expires !== Infinity) this.#expiring--;
  }
}

/** A fact as the journal keeps it. */
function writtenOf({
  state,
  at,
  path,
  reason,
  device,
  error,
}: DeliveryFacts & Pick<Delivery, "state" | "at">): DeliveryFact {
  return {
    state,
    at,
    ...(path === undefined ? {} : { path }),
    ...(device === undefined ? {} : { device }),
    ...(error === undefined ? {} : { code: error.code, reason: error.message }),
    ...(reason === undefined ? {} : { via: reason }),
  };
}
