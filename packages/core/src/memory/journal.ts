import { ParleyError } from "@parley/protocol";

import type { Random } from "../ports/clock.ts";
import type { Journal, JournalOptions, JournalState } from "../ports/journal.ts";
import { defaultHistoryBounds, defaultJournalBounds } from "../ports/journal.ts";
import { systemRandom } from "../ports/system-clock.ts";
import { CheckedJournal } from "./checked-journal.ts";
import { MemoryDeliveries } from "./journal-deliveries.ts";
import { MemoryEntries } from "./journal-entries.ts";
import { Holdings } from "./journal-holdings.ts";
import { MemoryInbox } from "./journal-inbox.ts";
import { MemoryOutbox } from "./journal-outbox.ts";
import type { JournalParts } from "./journal-parts.ts";
import { MemoryStates } from "./journal-states.ts";

export interface MemoryJournalOptions extends JournalOptions {
  readonly random?: Random;
}

/** A journal in memory: for devices that need not outlive their process, and for tests. */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  return new CheckedJournal(new MemoryJournal(options));
}

class MemoryJournal implements JournalParts {
  readonly outbox: MemoryOutbox;
  readonly inbox: MemoryInbox;
  readonly history: MemoryDeliveries;
  readonly states = new MemoryStates();
  #closed = false;

  constructor({ outbox, inbox, history, random = systemRandom }: MemoryJournalOptions) {
    const entries = new MemoryEntries(new Holdings("history", history ?? defaultHistoryBounds));
    this.outbox = new MemoryOutbox(entries, new Holdings("outbox", outbox ?? defaultJournalBounds), random);
    this.inbox = new MemoryInbox(entries, new Holdings("inbox", inbox ?? defaultJournalBounds));
    this.history = new MemoryDeliveries(entries);
  }

  checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  load(): JournalState {
    const { outbox, inbox } = this;
    return {
      epoch: outbox.epoch,
      outbox: outbox.pending(),
      inbound: inbox.cursors(),
      lastSeq: outbox.lastSeqs(),
    };
  }

  close(): void {
    this.#closed = true;
  }
}
