/** Events for one reader: kept until read, up to a bound; `onFull` and `onRoom` let the source rest. */
export class EventBuffer<Value> implements AsyncIterable<Value> {
  readonly #values: Value[] = [];
  readonly #most: number;
  readonly #onFull: () => void;
  readonly #onRoom: () => void;
  #reader: (() => void) | undefined;
  #read = false;
  #ended = false;
  #error: Error | undefined;

  constructor(most: number, onFull: () => void, onRoom: () => void) {
    this.#most = most;
    this.#onFull = onFull;
    this.#onRoom = onRoom;
  }

  /** Adds an event. When nobody ever began to read, the oldest gives way. */
  push(value: Value): void {
    this.#values.push(value);
    if (this.#values.length >= this.#most) {
      if (this.#read) this.#onFull();
      else this.#values.shift();
    }
    this.#reader?.();
  }

  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#reader?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value> {
    this.#read = true;
    try {
      for (;;) {
        const value = this.#values.shift();
        if (value !== undefined) {
          if (this.#values.length === this.#most - 1) this.#onRoom();
          yield value;
        } else if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#reader = resolve;
          });
        }
      }
    } finally {
      this.#read = false;
      this.#onRoom();
    }
  }
}
