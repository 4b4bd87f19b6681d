/** What goes through `parley pipe` and has no answer yet: it ends when its input has ended and everything is answered. */
import { acknowledgedOperations } from "@parley/sidecar";

/** What cannot go on without somebody who writes: it waits for `ack` or for `reply`. */
const needsWriter: readonly string[] = [...acknowledgedOperations, "serve"];

interface Line {
  readonly id?: unknown;
  readonly op?: unknown;
  readonly re?: unknown;
  readonly n?: unknown;
  readonly error?: unknown;
}

function read(line: string): Line {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

export class PipedRequests {
  readonly #waiting = new Map<number, string>();
  #ended = false;
  #refused = false;

  get waiting(): number {
    return this.#waiting.size;
  }

  get isDone(): boolean {
    return this.#ended && this.#waiting.size === 0;
  }

  /** The connection itself was refused or broken off with an error. */
  get isRefused(): boolean {
    return this.#refused;
  }

  onLine(line: string): void {
    const { id, op } = read(line);
    if (typeof id === "number" && typeof op === "string") this.#waiting.set(id, op);
  }

  onAnswer(line: string): void {
    const { re, n, error } = read(line);
    if (typeof re === "number" && n === undefined) this.#waiting.delete(re);
    if (re === undefined && error !== undefined) this.#refused = true;
  }

  /** The input has ended. Gives the lines that end what nobody can go on with. */
  end(): readonly string[] {
    this.#ended = true;
    return [...this.#waiting]
      .filter(([, op]) => needsWriter.includes(op))
      .map(([id]) => JSON.stringify({ cancel: id }));
  }
}
