/** What is remembered for a while, and of a limited number; the oldest goes first. Time as of `monotonic`. */
export class Recent<Value> {
  readonly #kept = new Map<string, { readonly value: Value; readonly until: number }>();
  readonly #forMs: number;
  readonly #most: number;
  readonly #now: () => number;

  constructor(forMs: number, most: number, now: () => number) {
    this.#forMs = forMs;
    this.#most = most;
    this.#now = now;
  }

  get(key: string): Value | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (kept.until > this.#now()) return kept.value;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, value: Value): void {
    this.#kept.delete(key);
    const oldest = this.#kept.size >= this.#most ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, { value, until: this.#now() + this.#forMs });
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }
}
