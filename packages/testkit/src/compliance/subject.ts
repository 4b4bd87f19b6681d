import type { ErrorCode } from "@parley/protocol";
import { isParleyError } from "@parley/protocol";
import { afterEach, expect } from "vitest";

import { FakeClock } from "../fake-clock.ts";

/** What a suite tests. */
export interface Subject<Port> {
  readonly port: Port;
  /** Closes the port as its owner would. */
  close(): Promise<void>;
  /** Opens the same data again after `close`. Absent if nothing outlives a close. */
  readonly reopen?: () => Promise<Subject<Port>>;
  /** Removes everything. Called after each case, also when the port is closed already. */
  teardown(): Promise<void>;
}

export interface SetupOptions {
  /** The clock to use for everything that the port's contract ties to wall time. */
  readonly clock: FakeClock;
}

/** A fresh, empty subject. */
export type Setup<Port> = (options: SetupOptions) => Promise<Subject<Port>>;

/** `true`, or the reason why an adapter does not have it: then the cases that need it are left out, and said so. */
export type Capability = true | { readonly missing: string };

/** Whether to run cases that need a capability; prints what is left out and why. */
export function has(suite: string, what: string, capability: Capability | undefined): boolean {
  if (capability === undefined || capability === true) return true;
  console.info(`${suite}: left out "${what}": ${capability.missing}`);
  return false;
}

/** Subjects of the running case, torn down after it. */
export class Bench<Port> {
  readonly #setup: Setup<Port>;
  readonly #open = new Set<Subject<Port>>();

  constructor(setup: Setup<Port>) {
    this.#setup = setup;
    afterEach(async () => {
      for (const subject of this.#open) await subject.teardown();
      this.#open.clear();
    });
  }

  async open(): Promise<{ port: Port; subject: Subject<Port>; clock: FakeClock }> {
    const clock = new FakeClock();
    const subject = await this.#setup({ clock });
    this.#open.add(subject);
    return { port: subject.port, subject, clock };
  }

  /** Closes and opens again; undefined if the adapter keeps nothing. */
  async reopen(subject: Subject<Port>): Promise<Subject<Port> | undefined> {
    await subject.close();
    const again = await subject.reopen?.();
    if (again !== undefined) this.#open.add(again);
    return again;
  }
}

/** The promise rejects with a coded error. */
export async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await promise.then(
    (value) => ({ resolvedWith: value }),
    (reason: unknown) => reason,
  );
  expect(isParleyError(error) ? error.code : error).toBe(code);
}

/** Things that arrive one by one, and a promise for the moment when they are enough. */
export class Arrivals<Item> {
  readonly items: Item[] = [];
  #waiting: (() => void)[] = [];

  readonly add = (item: Item): void => {
    this.items.push(item);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  };

  async until(enough: (items: readonly Item[]) => boolean): Promise<readonly Item[]> {
    while (!enough(this.items)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.items;
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** Tries of a conditional change whose condition holds: an adapter may refuse some for no reason. */
export const maxSpuriousConflicts = 100;
