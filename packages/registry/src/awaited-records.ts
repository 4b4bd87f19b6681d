import type { Clock, RecordChange, Records, Timer } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords } from "./json-records.ts";
import { afterPrefix } from "./keys.ts";

/** A request that waits for somebody's word, until when. */
interface Awaited {
  readonly state: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** What is known of a record. */
interface Known<Value> {
  readonly revision: number;
  readonly expires: number;
  /** Only while something may still come: what was decided is asked of the store, and there may be much of it. */
  readonly value: Value | undefined;
}

export interface AwaitedRecordsOptions<Value extends Awaited> {
  readonly records: Records;
  readonly schema: z.ZodType<Value>;
  /** What their keys begin with; the rest is the id. */
  readonly prefix: string;
  /** States in which something may still come. */
  readonly pending: readonly Value["state"][];
  readonly clock: Clock;
  readonly bounds: Pick<RegistryBounds, "pairingWaiters" | "pairingWaitMs">;
  /** Another node, or this one, changed a record: told once for each change that was not known. */
  readonly onNews?: (id: string, value: Value) => void;
}

/**
 * Requests that wait for somebody's word, each in one record that every step changes conditionally: a step happens once
 * whoever asks and whichever node answers. Those who ask for one can wait for news of it.
 */
export class AwaitedRecords<Value extends Awaited> {
  readonly #options: AwaitedRecordsOptions<Value>;
  readonly #records: JsonRecords<Value>;
  /** A projection of the records, kept by watching. */
  readonly #known = new Map<string, Known<Value>>();
  readonly #waiters = new Map<string, Set<() => void>>();
  #waiting = 0;

  constructor(options: AwaitedRecordsOptions<Value>) {
    this.#options = options;
    this.#records = new JsonRecords(options.records, options.schema);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { records, prefix } = this.#options;
    await records.watch(prefix, (change) => this.#follow(change), { signal });
    signal.addEventListener("abort", () => this.#wakeAll(), { once: true });
  }

  /** Whether something may still come. */
  isPending(value: Value): boolean {
    return this.#options.pending.includes(value.state) && value.expires > this.#options.clock.now();
  }

  /** Whether there is such a record, as far as is known here. */
  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** The pending ones that are known here. */
  pending(): readonly { readonly id: string; readonly value: Value }[] {
    return [...this.#known].flatMap(([id, { value }]) =>
      value !== undefined && this.isPending(value) ? [{ id, value }] : [],
    );
  }

  async get(id: string): Promise<Value | undefined> {
    return (await this.#records.get(this.#key(id)))?.value;
  }

  /** As `get`, but waits so long for news of one that is pending. Throws `limit_reached` when too many wait. */
  async awaited(id: string, waitMs: number): Promise<Value | undefined> {
    const found = await this.get(id);
    if (found === undefined || waitMs <= 0 || !this.isPending(found)) return found;
    await this.#news(id, Math.min(waitMs, this.#options.bounds.pairingWaitMs));
    return this.get(id);
  }

  /** One step, as `JsonRecords.change`. */
  async change(id: string, next: (current: Value | undefined) => Value | undefined): Promise<Value | undefined> {
    const kept = await this.#records.change(this.#key(id), next);
    if (kept !== undefined) this.#take(id, kept.value, kept.revision);
    return kept?.value;
  }

  /** Forgets what has run out, once `before` is done with it. */
  async sweep(before: (id: string, value: Value) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const now = this.#options.clock.now();
    for (const [id, { expires }] of this.#known) {
      if (expires > now) continue;
      const value = await this.get(id);
      if (value !== undefined) await before(id, value);
      await this.#records.deleteIf(this.#key(id), (current) => current.expires <= now);
      this.#known.delete(id);
    }
  }

  #key(id: string): string {
    return this.#options.prefix + id;
  }

  #follow(change: RecordChange): void {
    const id = afterPrefix(change.key, this.#options.prefix);
    const value = this.#records.decode(change.value);
    if (value === undefined) this.#known.delete(id);
    else if (this.#take(id, value, change.revision)) this.#options.onNews?.(id, value);
  }

  /** False for what was known already. */
  #take(id: string, value: Value, revision: number): boolean {
    const before = this.#known.get(id);
    if (before !== undefined && before.revision >= revision) return false;
    const isOpen = this.#options.pending.includes(value.state);
    this.#known.set(id, { revision, expires: value.expires, value: isOpen ? value : undefined });
    if (!this.isPending(value)) for (const wake of this.#waiters.get(id) ?? []) wake();
    return true;
  }

  async #news(id: string, waitMs: number): Promise<void> {
    const { clock, bounds } = this.#options;
    if (this.#waiting >= bounds.pairingWaiters)
      throw new ParleyError("limit_reached", { message: "Too many wait for news; ask again without waiting." });
    this.#waiting++;
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters);
    let timer: Timer | undefined;
    let wake: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = clock.setTimer(waitMs, resolve);
      waiters.add(wake);
      // News may have come between the read and now.
      const known = this.#known.get(id);
      if (known !== undefined && (known.value === undefined || !this.isPending(known.value))) resolve();
    });
    timer?.cancel();
    waiters.delete(wake);
    if (waiters.size === 0) this.#waiters.delete(id);
    this.#waiting--;
  }

  #wakeAll(): void {
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake();
  }
}
