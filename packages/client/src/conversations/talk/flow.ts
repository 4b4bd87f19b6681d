/**
 * What one loop reads with `for await`. An item counts as dealt with when the loop asks for the next one; a loop that leaves in the
 * middle, by `break` or by throwing, gives back what it had.
 */
import { ParleyError, toParleyError } from "@parley/protocol";

/** Told once what became of an item: nothing when it was dealt with, `canceled` when it was given back. */
type Settle = (error?: ParleyError) => void;

/** Begins to give items; answers, now or later, with the way to end that. */
export type FlowSource<Item> = (give: (item: Item, settle: Settle) => void) => (() => void) | Promise<() => void>;

export interface FlowOptions {
  /** Ends the loop without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Nothing more comes. */
  readonly onEnd: (flow: { stop(error?: ParleyError): void }) => void;
}

interface Held<Item> {
  readonly item: Item;
  readonly settle: Settle;
}

const over = { done: true, value: undefined } as const;
const givenBack = (): ParleyError => new ParleyError("canceled");

export class Flow<Item> implements AsyncIterableIterator<Item, undefined> {
  readonly #options: FlowOptions;
  readonly #abort = (): void => this.stop();
  /** As many as the source gives before the first is settled. */
  #waiting: Held<Item>[] = [];
  #inHand: Held<Item> | undefined;
  #reader: PromiseWithResolvers<IteratorResult<Item, undefined>> | undefined;
  #end: { readonly error: ParleyError | undefined } | undefined;
  #leave: (() => void) | undefined;

  constructor(source: FlowSource<Item>, options: FlowOptions) {
    this.#options = options;
    const { signal } = options;
    if (signal?.aborted === true) this.stop();
    else {
      signal?.addEventListener("abort", this.#abort, { once: true });
      this.#begin(source).catch((error: unknown) => this.stop(toParleyError(error)));
    }
  }

  /** Items that wait for the loop. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Rejects once with what ended it, if that was an error, and with `conflict` while another loop waits. */
  next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#reader !== undefined)
      return Promise.reject(new ParleyError("conflict", { message: "Another loop waits for the next one already." }));
    this.#inHand?.settle();
    this.#inHand = this.#waiting.shift();
    if (this.#inHand !== undefined) return Promise.resolve({ done: false, value: this.#inHand.item });
    if (this.#end !== undefined) return this.#ending();
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The loop left: what it had in hand was not dealt with. */
  return(): Promise<IteratorResult<Item, undefined>> {
    this.stop();
    this.#inHand?.settle(givenBack());
    this.#inHand = undefined;
    return Promise.resolve(over);
  }

  /** Ends it once the loop has read what waits. */
  finish(error?: ParleyError): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#options.signal?.removeEventListener("abort", this.#abort);
    // Leaving comes first: what is given back after it waits for whoever reads next.
    this.#leave?.();
    this.#options.onEnd(this);
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) reader.resolve(this.#ending());
  }

  /** Ends it now. What waits is given back; what the loop has in hand is for the loop to finish. */
  stop(error?: ParleyError): void {
    this.finish(error);
    for (const { settle } of this.#waiting.splice(0)) settle(givenBack());
  }

  async #begin(source: FlowSource<Item>): Promise<void> {
    const begun = source((item, settle) => this.#give({ item, settle }));
    const leave = typeof begun === "function" ? begun : await begun;
    if (this.#end === undefined) this.#leave = leave;
    else leave();
  }

  #give(held: Held<Item>): void {
    if (this.#end !== undefined) return held.settle(givenBack());
    const reader = this.#reader;
    if (reader === undefined) {
      this.#waiting.push(held);
      return;
    }
    this.#reader = undefined;
    this.#inHand = held;
    reader.resolve({ done: false, value: held.item });
  }

  #ending(): Promise<IteratorResult<Item, undefined>> {
    const error = this.#end?.error;
    this.#end = { error: undefined };
    return error === undefined ? Promise.resolve(over) : Promise.reject(error);
  }
}
