/**
 * One factory's hold on the native library, which has one life per process.
 *
 * A native object that is garbage collected before its last callback has run is used after it was freed, so each is
 * held here until it has reported that it is closed. `cleanup` ends all threads and everybody's objects: it runs when
 * the last factory of the process is released.
 */
import { cleanup, preload } from "node-datachannel";

const releaseMs = 2000;
let holders = 0;

export class NativeLibrary {
  readonly #objects = new Set<object>();
  #onEmpty: (() => void) | undefined;

  constructor() {
    holders++;
    // Starts threads and cryptography now, so that the first link does not wait for them.
    preload();
  }

  hold(object: object): void {
    this.#objects.add(object);
  }

  /** To be called from the object's last callback; lets go when that has returned. */
  drop(object: object): void {
    setImmediate(() => {
      this.#objects.delete(object);
      if (this.#objects.size === 0) this.#onEmpty?.();
    });
  }

  /** Waits until nothing is held, 2 s at most, then ends the library if nobody else uses it. */
  async release(): Promise<void> {
    await this.#empty();
    holders--;
    if (holders === 0) cleanup();
    this.#objects.clear();
  }

  #empty(): Promise<void> {
    if (this.#objects.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, releaseMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
