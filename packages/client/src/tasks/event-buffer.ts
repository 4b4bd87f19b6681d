/** Values for one reader that may come later than the writer; the oldest give way when nobody reads. */
export class EventBuffer<Value> implements AsyncIterable<Value> {
  readonly #most: number;
  #values: Value[] = [];
  #ended: { error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  push(value: Value): void {
    if (this.#ended !== undefined) return;
    if (this.#values.length >= this.#most) this.#values.shift();
    this.#values.push(value);
    this.#wake?.();
  }

  /** Ends the iteration after what is buffered; with an error the reader gets it as a throw. */
  end(error?: Error): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value> {
    for (;;) {
      const values = this.#values;
      this.#values = [];
      yield* values;
      if (this.#values.length > 0) continue;
      if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
