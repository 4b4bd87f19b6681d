/** Runs `work` once at the end of the event loop's turn, however often it is asked for in that turn. */
export class Tick {
  readonly #soon: (run: () => void) => void;
  readonly #work: () => void;
  #scheduled = false;

  constructor(soon: (run: () => void) => void, work: () => void) {
    this.#soon = soon;
    this.#work = work;
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#soon(() => {
      this.#scheduled = false;
      this.#work();
    });
  }
}
