/**
 * What stands between a process and its disk: every call is done later, in order, some in one go, and when the process
 * dies, some that were under way are done and some are not.
 */
import { ParleyError } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import type { Life, Scheduler } from "./scheduler.ts";

interface Call {
  readonly name: string;
  readonly isChange: boolean;
  readonly act: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface GateOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly life: Life;
  readonly kind: string;
  readonly delay: () => number;
}

/** Trouble that a disk makes until it is mended. */
export type DiskTrouble = "storage_full" | "storage_unavailable" | undefined;

export class Gate {
  readonly #options: GateOptions;
  #calls: Call[] = [];
  #running = false;
  trouble: DiskTrouble;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  call(name: string, isChange: boolean, act: () => Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ name, isChange, act, resolve, reject });
      if (!this.#running) this.#schedule();
    });
  }

  /** The process is gone: of what it had asked for, the first part was done, how much nobody knows. */
  die(): void {
    const calls = this.#calls;
    this.#calls = [];
    const done = this.#options.random.below(calls.length + 1);
    for (const { isChange, act } of calls.slice(0, done)) if (isChange) act().catch(() => undefined);
  }

  #schedule(): void {
    const { scheduler, life, kind, delay, random } = this.#options;
    const [first] = this.#calls;
    if (first === undefined) {
      this.#running = false;
      return;
    }
    this.#running = true;
    scheduler.in(delay(), life, `${kind}.${first.name}`, () => {
      const batch = this.#calls.splice(0, 1 + random.below(this.#calls.length));
      for (const call of batch) this.#do(call);
      this.#schedule();
    });
  }

  #do({ isChange, act, resolve, reject }: Call): void {
    if (isChange && this.trouble !== undefined && this.#options.random.chance(0.5))
      reject(new ParleyError(this.trouble));
    else act().then(resolve, reject);
  }
}

/** The same object with every method behind a gate. `spy` hears of each change that was made, before the process does. */
export function gated<Port extends object>(
  port: Port,
  gate: Gate,
  isChange: (name: string) => boolean,
  spy: (name: string, args: readonly unknown[], result: unknown) => void = () => undefined,
): Port {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name !== "string") return value;
      return (...args: readonly unknown[]) =>
        gate.call(name, isChange(name), async () => {
          const result: unknown = await Reflect.apply(value, target, args);
          spy(name, args, result);
          return result;
        });
    },
  });
}
