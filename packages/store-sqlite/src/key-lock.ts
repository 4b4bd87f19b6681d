/** Runs work on one key after the work before it on the same key has ended. Keys without work cost nothing. */
export class KeyLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<Value>(key: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.#tails.get(key);
    const own = before === undefined ? work() : before.then(work, work);
    this.#tails.set(key, own);
    try {
      return await own;
    } finally {
      if (this.#tails.get(key) === own) this.#tails.delete(key);
    }
  }

  /** Resolves when the work under way has ended, whatever became of it. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#tails.values());
  }
}
