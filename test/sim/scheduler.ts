/**
 * Virtual time. Whatever is asynchronous in the simulated mesh is an event with a time; one step runs one event and
 * everything that its promises lead to. Which event comes next depends on nothing but the seed.
 */

/** One life of a process. Its events die with it and wait while it sleeps. */
export class Life {
  readonly name: string;
  alive = true;
  asleep = false;
  readonly held: SimEvent[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

export interface SimEvent {
  due: number;
  order: number;
  readonly life: Life | undefined;
  readonly kind: string;
  readonly run: () => void;
  canceled: boolean;
}

/** How a step is shown. */
export interface TraceLine {
  readonly step: number;
  readonly time: number;
  readonly text: string;
}

const traceKept = 400;
/** Between two of these the event loop itself gets a turn: rejections that nobody handles are told there. */
const stepsPerTurn = 5000;

export class Scheduler {
  #heap: SimEvent[] = [];
  #order = 0;
  #time = 0;
  #steps = 0;
  #hash = 0x811c9dc5;
  #failure: Error | undefined;
  readonly #trace: TraceLine[] = [];
  readonly #print: ((line: TraceLine) => void) | undefined;

  constructor(print?: (line: TraceLine) => void) {
    this.#print = print;
  }

  /** Milliseconds since the beginning. */
  get time(): number {
    return this.#time;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Hash over everything that happened, in order. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get lastLines(): readonly TraceLine[] {
    return this.#trace;
  }

  get waiting(): number {
    return this.#heap.length;
  }

  /** Calls `run` in `delayMs`, unless its life has ended by then. */
  in(delayMs: number, life: Life | undefined, kind: string, run: () => void): SimEvent {
    const event = {
      due: this.#time + (delayMs > 0 ? delayMs : 0),
      order: this.#order++,
      life,
      kind,
      run,
      canceled: false,
    };
    this.#push(event);
    return event;
  }

  /** Something worth seeing in a trace; part of the hash. */
  note(text: string): void {
    this.#mix(text);
    this.#keep(text);
  }

  /** Ends the run with the first thing that is wrong. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Time passes in which nobody runs, as when every machine sleeps. */
  skip(ms: number): void {
    this.#time += ms;
  }

  /** What waited for a process to wake up happens now, in the order in which it would have happened. */
  wake(life: Life): void {
    life.asleep = false;
    for (const event of life.held.splice(0)) {
      event.due = this.#time;
      event.order = this.#order++;
      this.#push(event);
    }
  }

  /** Runs until `isOver` says so or nothing is left. Rejects with what `fail` was given or an event threw. */
  run(isOver: () => boolean, afterStep: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => (this.#failure === undefined ? resolve() : reject(this.#failure));
      const step = (): void => {
        if (this.#failure === undefined) afterStep();
        if (this.#failure !== undefined || isOver()) return end();
        const event = this.#next();
        if (event === undefined) return end();
        this.#runOne(event);
        // A tick asked for from a microtask comes when all microtasks have run, those included that they asked for.
        if (this.#steps % stepsPerTurn === 0) setImmediate(step);
        else queueMicrotask(() => process.nextTick(step));
      };
      setImmediate(step);
    });
  }

  #runOne(event: SimEvent): void {
    this.#steps++;
    if (event.due > this.#time) this.#time = event.due;
    this.#mixNumber(event.order);
    this.#mixNumber(Math.floor(this.#time * 16));
    this.#keep(event.life === undefined ? event.kind : `${event.life.name} ${event.kind}`);
    try {
      event.run();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #next(): SimEvent | undefined {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return undefined;
      if (event.canceled || event.life?.alive === false) continue;
      if (event.life?.asleep !== true) return event;
      event.life.held.push(event);
    }
  }

  #keep(text: string): void {
    const line = { step: this.#steps, time: this.#time, text };
    this.#print?.(line);
    this.#trace.push(line);
    if (this.#trace.length > 2 * traceKept) this.#trace.splice(0, traceKept);
  }

  #mix(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mixNumber(text.charCodeAt(at));
  }

  #mixNumber(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, least)) {
        least = right;
        child++;
      }
      if (isBefore(last, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (left: SimEvent, right: SimEvent): boolean =>
  left.due < right.due || (left.due === right.due && left.order < right.order);
