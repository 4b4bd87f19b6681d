import { ParleyError } from "@parley/protocol";

import { checkSize } from "../ports/arguments.ts";
import type { Bus, BusHandler, BusMessage, SubscribeOptions } from "../ports/bus.ts";
import { maxBusBacklog, maxBusMessageBytes, maxSubscriptions } from "../ports/bus.ts";
import { checkStoreName } from "../ports/store-name.ts";

/** The Bus within one process. Also the one of every other store that has a single process. */
export class MemoryBus implements Bus {
  /** Handlers by pattern; a wildcard is under its prefix with the trailing `*`, which no subject contains. */
  readonly #handlers = new Map<string, Set<BusHandler>>();
  readonly #onHandlerError: (error: unknown) => void;
  #waiting: BusMessage[] = [];
  #subscriptions = 0;
  #closed = false;

  constructor(onHandlerError?: (error: unknown) => void) {
    this.#onHandlerError = onHandlerError ?? (() => undefined);
  }

  publish(subject: string, bytes: Uint8Array): void {
    checkStoreName("subject", subject);
    checkSize("bus message", bytes, maxBusMessageBytes);
    if (this.#closed || this.#waiting.length >= maxBusBacklog) return;
    if (this.#waiting.length === 0) queueMicrotask(() => this.#deliver());
    this.#waiting.push({ subject, bytes: bytes.slice() });
  }

  async subscribe(pattern: string, handler: BusHandler, options: SubscribeOptions = {}): Promise<void> {
    if (this.#closed) throw new ParleyError("closed");
    checkPattern(pattern);
    if (options.signal?.aborted === true) return;
    if (this.#subscriptions >= maxSubscriptions) throw new ParleyError("limit_reached", { data: { maxSubscriptions } });
    // Wrapped, so that one function subscribed twice counts twice.
    const own: BusHandler = (message) => handler(message);
    const handlers = this.#handlers.get(pattern) ?? new Set<BusHandler>();
    this.#handlers.set(pattern, handlers.add(own));
    this.#subscriptions++;
    options.signal?.addEventListener("abort", () => this.#unsubscribe(pattern, own), { once: true });
  }

  close(): void {
    this.#closed = true;
    this.#handlers.clear();
    this.#waiting = [];
  }

  #unsubscribe(pattern: string, handler: BusHandler): void {
    const handlers = this.#handlers.get(pattern);
    if (handlers?.delete(handler) !== true) return;
    this.#subscriptions--;
    if (handlers.size === 0) this.#handlers.delete(pattern);
  }

  #deliver(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    for (const message of messages) {
      for (const pattern of patternsOf(message.subject)) {
        // A copy: a handler may end subscriptions, its own included, and those must not be called any more.
        for (const handler of Array.from(this.#handlers.get(pattern) ?? [])) {
          if (this.#handlers.get(pattern)?.has(handler) === true) this.#call(handler, message);
        }
      }
    }
  }

  #call(handler: BusHandler, message: BusMessage): void {
    try {
      handler(message);
    } catch (error) {
      this.#onHandlerError(error);
    }
  }
}

function checkPattern(pattern: string): void {
  if (pattern === "*") return;
  checkStoreName("pattern", pattern.endsWith("/*") ? pattern.slice(0, -2) : pattern);
}

/** Every pattern that a subject matches: itself, and each prefix of whole segments with `*`. */
function* patternsOf(subject: string): Generator<string> {
  yield subject;
  yield "*";
  for (let slash = subject.indexOf("/"); slash !== -1; slash = subject.indexOf("/", slash + 1)) {
    yield `${subject.slice(0, slash)}/*`;
  }
}
