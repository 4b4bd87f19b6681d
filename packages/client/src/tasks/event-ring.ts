/** The newest events of one task, numbered: as many as fit, so that whoever lost the line can go on where it was. */
import { limits } from "@parley/protocol";

interface Kept<Event> {
  readonly event: Event;
  readonly bytes: number;
}

export class EventRing<Event> {
  #kept: Kept<Event>[] = [];
  #bytes = 0;
  #last: number;

  /** `before`: the number before the first. */
  constructor(before = 0) {
    this.#last = before;
  }

  /** Number of the newest event; `before` when there is none. */
  get last(): number {
    return this.#last;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an event of about so many bytes and gives its number. */
  push(event: Event, bytes: number): number {
    this.#kept.push({ event, bytes });
    this.#bytes += bytes;
    let drop = 0;
    while (
      this.#kept.length - drop > limits.taskEvents ||
      (this.#bytes > limits.taskEventBytes && drop < this.#kept.length)
    )
      this.#bytes -= this.#kept[drop++]?.bytes ?? 0;
    if (drop > 0) this.#kept = this.#kept.slice(drop);
    return ++this.#last;
  }

  /** What came after a number, with numbers; undefined when not all of it is remembered, or the number was never given. */
  after(number: number): readonly (readonly [number, Event])[] | undefined {
    const first = this.#last - this.#kept.length + 1;
    if (number > this.#last || number + 1 < first) return undefined;
    return this.#kept.slice(number + 1 - first).map(({ event }, index) => [number + 1 + index, event]);
  }

  /** Forgets the events, not how many there were. */
  clear(): void {
    this.#kept = [];
    this.#bytes = 0;
  }
}
