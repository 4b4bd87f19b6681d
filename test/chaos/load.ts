import type { Delivery, DeviceApi } from "@parley/client";
import type { DeliveryClass } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import type { DeviceLine } from "./evidence.ts";
import { echoSkill, type MemberReport, type MemberSettings } from "./member-settings.ts";

export interface LoadOptions {
  readonly device: DeviceApi;
  readonly settings: MemberSettings;
  readonly random: SeededRandom;
  readonly write: (line: DeviceLine) => void;
  readonly report: MemberReport;
  /** Writes down a fact about an envelope; those of durable ones come as events. */
  readonly tell: (delivery: Delivery, to: string) => void;
  readonly trouble: (what: string, error: unknown) => void;
}

const tickMs = 50;
/** Sends and tasks under way at once; above this the load waits, as a program would. */
const mostSends = 256;
const mostTasks = 8;
/** Live messages and tasks, as parts of the durable rate. */
const liveShare = 0.1;
const taskShare = 0.01;
const liveTtlMs = 10_000;
const taskMs = 20_000;
/** Most messages are short, a few fill a frame, fewer still are cut into chunks. */
const sizes = { short: 400, long: 30_000, longShare: 0.01, chunked: 120_000, chunkedShare: 0.001 };

/** Sends durable and live messages and tasks to everybody at a steady rate. */
export class Load {
  readonly #options: LoadOptions;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #last = 0;
  #sends = 0;
  #tasks = 0;
  #number = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const { rate } = this.#options.settings;
    const now = performance.now();
    // What a pause held up is not made good for.
    this.#due += (Math.min(now - this.#last, 4 * tickMs) / 1000) * rate;
    this.#last = now;
    for (; this.#due >= 1; this.#due--) this.#step();
  }

  #step(): void {
    const { random } = this.#options;
    this.#send("durable");
    if (random.chance(liveShare)) this.#send("live");
    if (random.chance(taskShare)) void this.#delegate();
  }

  #send(deliveryClass: DeliveryClass): void {
    if (this.#sends >= mostSends) return;
    const { settings, random } = this.#options;
    const to = random.pick(settings.peers);
    this.#sends++;
    void this.#accept(to, deliveryClass).finally(() => this.#sends--);
  }

  async #accept(to: string, deliveryClass: DeliveryClass): Promise<void> {
    const { device, write, report, trouble } = this.#options;
    try {
      const ttl = deliveryClass === "live" ? { ttlMs: liveTtlMs } : {};
      const { id, settled } = await device.send(`@${to}`, this.#text(), { class: deliveryClass, ...ttl });
      write({ t: "accepted", at: Date.now(), id, to, class: deliveryClass });
      if (deliveryClass === "durable") report.accepted++;
      else void settled.then((delivery) => this.#options.tell(delivery, to));
    } catch (error) {
      trouble(`send ${deliveryClass}`, error);
    }
  }

  #text(): string {
    const { random } = this.#options;
    const { short, long, longShare, chunked, chunkedShare } = sizes;
    const draw = random.fraction();
    const size = draw < chunkedShare ? chunked : draw < longShare ? long : 16 + random.below(short);
    return "x".repeat(size);
  }

  async #delegate(): Promise<void> {
    const { device, settings, random, write, trouble } = this.#options;
    if (this.#tasks >= mostTasks || settings.agents.length === 0) return;
    const to = random.pick(settings.agents);
    const key = `${device.device}.${settings.life}.${++this.#number}`;
    this.#tasks++;
    try {
      write({ t: "asked", at: Date.now(), key, to });
      const run = await device.delegate(`@${to}`, { skill: echoSkill, input: { key }, timeLimitMs: taskMs });
      const { output } = await run.outcome;
      const same = (output as { readonly key?: string } | undefined)?.key === key;
      write({ t: "answered", at: Date.now(), key, ...(same ? {} : { code: "wrong_answer" }) });
    } catch (error) {
      trouble("delegate", error);
      write({ t: "answered", at: Date.now(), key, code: "failed" });
    } finally {
      this.#tasks--;
    }
  }
}
