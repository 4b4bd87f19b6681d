/** Runs `work` once at the end of the event loop's turn, however often it is asked for in that turn. */
export class Tick {
  readonly #work: () => void;
  #scheduled = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work();
    });
  }
}
