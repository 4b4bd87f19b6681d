import { type Clock } from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";

interface Waiting<Item, Reply> {
  readonly item: Item;
  readonly size: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: ParleyError) => void;
}

export interface BoardBatchOptions<Item, Reply> {
  readonly clock: Pick<Clock, "soon">;
  readonly most: number;
  /** Sends some at once; replies in their order. */
  readonly send: (items: readonly Item[]) => Promise<readonly (Reply | ParleyError)[]>;
}

/** Characters in one message: a control message is `limits.controlBytes`. */
const messageCharacters = 100_000;
/** Messages on their way at once. */
const mostUnderWay = 4;

/** What is to be said at about the same time goes in one message. */
export class BoardBatch<Item, Reply> {
  readonly #options: BoardBatchOptions<Item, Reply>;
  readonly #waiting: Waiting<Item, Reply>[] = [];
  #underWay = 0;
  #isScheduled = false;

  constructor(options: BoardBatchOptions<Item, Reply>) {
    this.#options = options;
  }

  add(item: Item): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, size: JSON.stringify(item).length, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#underWay >= mostUnderWay || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      void this.#sendSome();
    });
  }

  async #sendSome(): Promise<void> {
    const some = this.#takeSome();
    if (some.length === 0) return;
    this.#underWay++;
    this.#schedule();
    try {
      const replies = await this.#options.send(some.map(({ item }) => item));
      for (const [index, { resolve, reject }] of some.entries()) {
        const reply = replies[index];
        if (reply === undefined) reject(new ParleyError("internal"));
        else if (reply instanceof ParleyError) reject(reply);
        else resolve(reply);
      }
    } catch (error) {
      for (const { reject } of some) reject(toParleyError(error));
    } finally {
      this.#underWay--;
      this.#schedule();
    }
  }

  #takeSome(): readonly Waiting<Item, Reply>[] {
    let characters = 0;
    let count = 0;
    for (const { size } of this.#waiting) {
      characters += size;
      if (count > 0 && (count >= this.#options.most || characters > messageCharacters)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
