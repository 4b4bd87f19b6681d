import { type Clock, systemClock, type Timer } from "@parley/core";
import { isParleyError, ParleyError, type ResourceLease } from "@parley/protocol";

import { defaultLeaseMs, type LeaseDevice, type LeaseOptions, takeLease } from "./take-lease.ts";

/** An advisory lease that is renewed until it is given back. */
export class HeldLease implements AsyncDisposable {
  readonly #device: LeaseDevice;
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #ended = new AbortController();
  readonly #unwatch: () => void;
  #lease: ResourceLease;
  /** Monotonic time until which nobody else can have it. */
  #sureUntil: number;
  #timer: Timer | undefined;

  private constructor(device: LeaseDevice, lease: ResourceLease, since: number, options: LeaseOptions) {
    this.#device = device;
    this.#lease = lease;
    this.#clock = options.clock ?? systemClock;
    this.#forMs = options.forMs ?? defaultLeaseMs;
    this.#sureUntil = since + this.#forMs;
    this.#unwatch = device.watch((event) => {
      if (event.type === "resource" && event.resource === lease.resource && event.free === "broken")
        this.#end("somebody broke it");
    });
    this.#plan();
  }

  /** Throws as `takeLease` does. */
  static async take(device: LeaseDevice, resource: string, options: LeaseOptions = {}): Promise<HeldLease> {
    const clock = options.clock ?? systemClock;
    let since = clock.monotonic();
    // Its life counts from no later than the request that got it.
    const asked: LeaseDevice = {
      watch: (listener) => device.watch(listener),
      request: (type, body) => {
        since = clock.monotonic();
        return device.request(type, body);
      },
    };
    return new HeldLease(device, await takeLease(asked, resource, options), since, options);
  }

  get resource(): string {
    return this.#lease.resource;
  }

  /** Grows with each taking of this resource: show it to what guards the resource itself. */
  get generation(): number {
    return this.#lease.generation;
  }

  /** As it was when it was last renewed. */
  get lease(): ResourceLease {
    return this.#lease;
  }

  /** Aborted with `lease_lost` when it ran out or was broken, and when it was given back. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Gives it back. Safe to call twice, and when it is lost. */
  async release(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#end("it was given back");
    const { resource, generation } = this.#lease;
    try {
      await this.#device.request("resource.release", { resource, generation });
    } catch (error) {
      // It runs out by itself; and one that is lost already is nobody's here.
      if (!isParleyError(error) || (error.code !== "lease_lost" && !error.retryable)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #plan(): void {
    const left = this.#sureUntil - this.#clock.monotonic();
    if (left <= 0) return this.#end("it could not be renewed in time");
    this.#timer = this.#clock.setTimer(Math.min(this.#forMs / 3, left), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const since = this.#clock.monotonic();
    if (since >= this.#sureUntil) return this.#end("it could not be renewed in time");
    const { resource, generation } = this.#lease;
    const late = this.#clock.setTimer(this.#sureUntil - since, () => this.#end("it could not be renewed in time"));
    try {
      const { lease } = await this.#device.request("resource.renew", { resource, generation, lifeMs: this.#forMs });
      this.#lease = lease;
      this.#sureUntil = since + this.#forMs;
    } catch (error) {
      if (isParleyError(error) && error.code === "lease_lost") return this.#end("somebody broke it, or it ran out");
    } finally {
      late.cancel();
    }
    if (!this.#ended.signal.aborted) this.#plan();
  }

  #end(why: string): void {
    this.#timer?.cancel();
    this.#unwatch();
    if (this.#ended.signal.aborted) return;
    const message = `The lease of ${this.#lease.resource} is not held any more: ${why}.`;
    this.#ended.abort(new ParleyError("lease_lost", { message }));
  }
}
