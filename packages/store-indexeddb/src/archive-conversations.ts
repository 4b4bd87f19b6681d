import { newConversation } from "@parley/core";

import type { ConversationRow } from "./archive-shape.ts";
import type { Transaction } from "./database.ts";
import { done } from "./database.ts";
import type { Tally } from "./tally.ts";

/** The conversations of an archive. Within one piece of work each is read once, and written once at its end. */
export class Conversations {
  readonly #tally: Tally;
  readonly #max: number;
  readonly #used = new Map<string, ConversationRow>();

  constructor(tally: Tally, max: number) {
    this.#tally = tally;
    this.#max = max;
  }

  /** The rows that the work takes are written afterwards. */
  async during(transaction: Transaction, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#write(transaction);
    } finally {
      this.#used.clear();
    }
  }

  /** To be changed. */
  async take(transaction: Transaction, name: string): Promise<ConversationRow | undefined> {
    const used = this.#used.get(name);
    if (used !== undefined) return used;
    const found = await this.read(transaction, name);
    if (found !== undefined) this.#used.set(name, found);
    return found;
  }

  async takeOrMake(transaction: Transaction, name: string): Promise<ConversationRow> {
    const known = await this.take(transaction, name);
    if (known !== undefined) return known;
    const counts = newConversation(name, this.#tally.next("touch"));
    const made = { ...counts, number: this.#tally.next("conversation") };
    this.#used.set(name, made);
    this.#write(transaction);
    if ((await done(transaction.store("conversations").count())) > this.#max) {
      const least = await done(transaction.store("conversations").index("touched").openCursor());
      if (least !== null) await this.delete(transaction, (least.value as ConversationRow).conversation);
    }
    return made;
  }

  read(transaction: Transaction, name: string): Promise<ConversationRow | undefined> {
    return done<ConversationRow | undefined>(transaction.store("conversations").index("name").get(name));
  }

  /** By when they had a new last message, the newest first. */
  async list(transaction: Transaction): Promise<readonly ConversationRow[]> {
    const rows = await done<ConversationRow[]>(transaction.store("conversations").index("touched").getAll());
    return rows.toReversed();
  }

  /** Its messages are deleted by and by. */
  async delete(transaction: Transaction, name: string): Promise<void> {
    const row = await this.take(transaction, name);
    if (row === undefined) return;
    this.#used.delete(name);
    transaction.delete("conversations", row.number);
    transaction.put("gone", row.number, row.number);
    const waiting = transaction.store("waiting").index("conversation").getAllKeys(row.number);
    for (const place of await done(waiting)) transaction.delete("waiting", place);
  }

  #write(transaction: Transaction): void {
    for (const row of this.#used.values()) transaction.put("conversations", row);
  }
}
