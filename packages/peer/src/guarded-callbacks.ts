/** The callbacks of one link, kept to the port's rules: an error in one goes no further, and nothing comes after `onClosed`. */
import type { LinkCallbacks, LinkRoute, LinkSignal } from "@parley/core";

/** Where an error thrown by a link's owner goes. It must not throw itself. */
export type ReportError = (error: unknown) => void;

/** Makes it an uncaught error of the runtime, in a task of its own. In a native callback it would abort the process. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

export class GuardedCallbacks {
  readonly #callbacks: LinkCallbacks;
  readonly #report: ReportError;
  #ended = false;

  constructor(callbacks: LinkCallbacks, report: ReportError) {
    this.#callbacks = callbacks;
    this.#report = report;
  }

  get ended(): boolean {
    return this.#ended;
  }

  signal(signal: LinkSignal): void {
    this.#run(() => this.#callbacks.onSignal(signal));
  }

  open(): void {
    this.#run(() => this.#callbacks.onOpen());
  }

  /** Written out instead of shared: it runs for every message. */
  message(bytes: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#callbacks.onMessage(bytes);
    } catch (error) {
      this.#report(error);
    }
  }

  drain(): void {
    this.#run(() => this.#callbacks.onDrain());
  }

  route(route: LinkRoute): void {
    this.#run(() => this.#callbacks.onRoute?.(route));
  }

  /** Ends the link for its owner. True the first time; `onClosed` follows once the calling code has returned. */
  end(reason: string): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    queueMicrotask(() => {
      try {
        this.#callbacks.onClosed(reason);
      } catch (error) {
        this.#report(error);
      }
    });
    return true;
  }

  #run(callback: () => void): void {
    if (this.#ended) return;
    try {
      callback();
    } catch (error) {
      this.#report(error);
    }
  }
}
