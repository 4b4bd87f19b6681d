/** One device of a member on its machine: one process after the other on the same journal and pins. */
import { Device, type Identity, type IncomingMessage, type SocketLike } from "@parley/client";
import {
  type Journal,
  type JournalBounds,
  type LinkFactory,
  type MeshPins,
  MeshTrust,
  openMemoryJournal,
} from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";
import { SeededRandom } from "@parley/testkit";

import { type Cast, type CastMember, skill } from "./cast.ts";
import type { Attempt, Checker, Listener } from "./checker.ts";
import type { Coverage } from "./coverage.ts";
import { type DiskTrouble, Gate } from "./gate.ts";
import { beginning, type Machine, makeMachine, noteWelcome, SimClock } from "./machine.ts";
import { Life, type Scheduler } from "./scheduler.ts";
import { openSimJournal } from "./sim-journal.ts";

export interface SimDeviceOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly checker: Checker;
  readonly cast: Cast;
  readonly member: CastMember;
  readonly identity: Identity;
  readonly place: number;
  readonly journal: JournalBounds | undefined;
  readonly delay: () => number;
  readonly connect: (machine: Machine, life: Life) => SocketLike;
  readonly links: ((life: Life, machine: Machine) => LinkFactory) | undefined;
  readonly policy: "all" | "relay";
  /** What the clock of the machine that is furthest ahead shows. */
  readonly latest: () => number;
}

/** How a handler behaves with the next message. */
export interface HandlerMood {
  /** Milliseconds until it returns. */
  readonly takesMs: number;
  readonly ends: "returns" | "throws" | "crashes";
}

export class SimDevice implements Listener {
  readonly machine: Machine;
  readonly member: string;
  readonly kind: CastMember["kind"];
  readonly name: string;
  readonly #options: SimDeviceOptions;
  readonly #journal: Journal;
  #pins: MeshPins | undefined;
  #life: Life | undefined;
  #gate: Gate | undefined;
  #device: Device | undefined;
  #lives = 0;
  #trouble: DiskTrouble;
  #hadTrouble = false;
  #stopReading: (() => void) | undefined;
  #readingWanted = true;
  #sessionState = "stopped";
  readonly #places = new Map<string, number>();
  /** Promises of calls that are under way in this life. */
  pendingCalls = 0;
  mood: () => HandlerMood = () => ({ takesMs: 0, ends: "returns" });
  /** Kills this process; set by whoever owns the network. */
  onCrash: () => void = () => undefined;

  constructor(options: SimDeviceOptions) {
    this.#options = options;
    const { member, place, journal, random } = options;
    this.machine = makeMachine(`${member.name}-${place}`);
    this.member = member.member;
    this.kind = member.kind;
    this.name = member.name;
    this.#journal = openMemoryJournal({
      random,
      ...(journal === undefined ? {} : { outbox: journal, inbox: journal }),
    });
  }

  get device(): string {
    return this.#options.identity.device.id;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** Undefined while no process runs. */
  get running(): Device | undefined {
    return this.#device;
  }

  get journal(): Journal {
    return this.#journal;
  }

  get isReading(): boolean {
    return this.#readingWanted;
  }

  /** Its disk refused something in this life. */
  get hadTrouble(): boolean {
    return this.#hadTrouble;
  }

  set trouble(trouble: DiskTrouble) {
    this.#trouble = trouble;
    if (trouble !== undefined) this.#hadTrouble = true;
    if (this.#gate !== undefined) this.#gate.trouble = trouble;
  }

  start(): void {
    const { scheduler, random, coverage, delay } = this.#options;
    const life = new Life(`${this.machine.name}.${++this.#lives}`);
    this.#life = life;
    this.pendingCalls = 0;
    const gate = new Gate({ scheduler, random, life, kind: "journal", delay });
    this.#gate = gate;
    gate.trouble = this.#trouble;
    this.#hadTrouble = this.#trouble !== undefined;
    coverage.count("device:start");
    this.#open(life, gate).catch((error: unknown) => {
      if (!life.alive) return;
      if (toParleyError(error).code === "internal")
        return scheduler.fail(error instanceof Error ? error : new Error(String(error)));
      scheduler.in(300, life, "device.again", () => {
        this.end();
        this.start();
      });
    });
  }

  /** Ends the process as it is. */
  end(): Life | undefined {
    const life = this.#life;
    if (life === undefined) return undefined;
    life.alive = false;
    this.#gate?.die();
    this.#life = undefined;
    this.#device = undefined;
    this.#stopReading = undefined;
    this.#sessionState = "stopped";
    this.#options.checker.onDeath(this.device);
    return life;
  }

  /** An orderly stop; `done` comes when the process is to end. */
  stop(done: () => void): void {
    const device = this.#device;
    const life = this.#life;
    if (device === undefined || life === undefined) return;
    this.#call(device.stop().then(() => this.#options.scheduler.in(5, life, "device.exit", done)));
  }

  read(wanted: boolean): void {
    this.#readingWanted = wanted;
    this.#listen();
  }

  /** Hands something to `send` and follows it. */
  send(
    to: CastMember,
    options: { readonly class: "durable" | "live"; readonly ttlMs: number; readonly size: number },
  ): void {
    const device = this.#device;
    const life = this.#life;
    if (device === undefined || life === undefined) return;
    const { checker, coverage, scheduler } = this.#options;
    const place = (this.#places.get(to.member) ?? 0) + 1;
    this.#places.set(to.member, place);
    const text = `${this.machine.name}>${to.name}#${place}`;
    const padded = text + " ".repeat(options.size);
    const expires = options.ttlMs === 0 ? 0 : beginning + scheduler.time + options.ttlMs;
    const attempt: Attempt = {
      text,
      class: options.class,
      from: this.device,
      to: to.member,
      expires,
      id: undefined,
      outcome: "trying",
      code: undefined,
      settled: false,
    };
    checker.attempts.set(text, attempt);
    const sending = device
      .send(`@${to.name}`, padded, { class: options.class, ...(options.ttlMs === 0 ? {} : { ttlMs: options.ttlMs }) })
      .then(
        (sent) => {
          if (!life.alive) return;
          attempt.id = sent.id;
          attempt.outcome = "accepted";
          coverage.count(`send:${options.class} accepted`);
          this.#call(
            sent.settled.then((end) => {
              attempt.settled = true;
              coverage.count(`send:${options.class} ${end.state}`);
            }),
          );
        },
        (error: unknown) => {
          if (!life.alive) return;
          const { code } = toParleyError(error);
          attempt.outcome = "rejected";
          attempt.code = code;
          coverage.count(`send:${options.class} rejected ${code}`);
          this.#checkCode(error);
        },
      );
    this.#call(sending);
  }

  /** Gives an agent work; cancels it after a while if told so. */
  delegate(to: CastMember, cancelAfterMs: number | undefined): void {
    const device = this.#device;
    const life = this.#life;
    if (device === undefined || life === undefined) return;
    const { scheduler, coverage } = this.#options;
    const work = async (): Promise<void> => {
      try {
        const run = await device.delegate(`@${to.name}`, { skill, input: { n: 1 }, timeLimitMs: 60_000 });
        if (cancelAfterMs !== undefined) scheduler.in(cancelAfterMs, life, "cancel", () => run.cancel());
        const events = (async () => {
          try {
            for await (const event of run.events) coverage.count(`task event:${Object.keys(event.response)[0] ?? ""}`);
          } catch {
            // The outcome says it.
          }
        })();
        await run.outcome.then(
          () => coverage.count("task:completed"),
          (error: unknown) => {
            coverage.count(`task:${toParleyError(error).code}`);
            this.#checkCode(error);
          },
        );
        await events;
      } catch (error) {
        coverage.count(`task:not started ${toParleyError(error).code}`);
        this.#checkCode(error);
      }
    };
    this.#call(work());
  }

  async #open(life: Life, gate: Gate): Promise<void> {
    const { scheduler, random, cast, checker, identity, links, policy, connect } = this.#options;
    const clock = this.#clock(life);
    const trustOptions = {
      now: () => clock.now(),
      onChange: (pins: MeshPins) => {
        if (life.alive) this.#pins = pins;
      },
    };
    const trust =
      this.#pins === undefined
        ? await MeshTrust.pin([cast.genesis], undefined, trustOptions)
        : await MeshTrust.restore(this.#pins, trustOptions);
    const journal = await openSimJournal(this.#journal, gate, (name, args) => {
      if (name !== "commitInbox") return;
      const [stream, seq] = args as [{ epoch: string }, number];
      checker.onCommitted(this.device, stream.epoch, seq);
    });
    const device = await Device.open({
      strangers: "take",
      identity,
      registry: "http://registry.invalid",
      trust,
      journal,
      clock,
      random: new SeededRandom(random.below(2 ** 31)),
      connect: () => connect(this.machine, life),
      ...(links === undefined ? {} : { links: { factory: links(life, this.machine), policy } }),
      log: (level, event, fields) => {
        if (level === "error" && life.alive)
          scheduler.fail(new Error(`${life.name}: ${event} ${JSON.stringify(fields)}`));
      },
    });
    if (!life.alive) return;
    this.#device = device;
    this.#watch(device, life);
    device.serve((task) => this.#work(life, task));
    this.#listen();
    device.start().catch(() => undefined);
  }

  #watch(device: Device, life: Life): void {
    const { checker, coverage, scheduler } = this.#options;
    device.watch((event) => {
      if (!life.alive) return;
      switch (event.type) {
        case "delivery":
          checker.onDelivery(life.name, event.to, event.delivery, this.#options.latest());
          return;
        case "session":
          coverage.count(`session:${this.#sessionState}>${event.state}`);
          scheduler.note(`${life.name} session ${event.state} ${event.error?.code ?? ""}`);
          this.#sessionState = event.state;
          if (event.state === "connected") noteWelcome(this.machine, scheduler.time);
          return;
        case "link":
          coverage.count(`link:${event.link.state} ${event.code ?? event.link.path ?? ""}`);
          scheduler.note(`${life.name} link ${event.link.state} ${event.reason ?? ""}`);
          return;
        case "refused":
          coverage.count(`refused:${event.code}`);
          scheduler.note(`${life.name} refused ${event.code} ${event.message}`);
          return;
        default:
          coverage.count(`event:${event.type}`);
          scheduler.note(`${life.name} ${event.type}`);
      }
    });
  }

  #listen(): void {
    const device = this.#device;
    const life = this.#life;
    if (device === undefined || life === undefined) return;
    if (this.#readingWanted && this.#stopReading === undefined)
      this.#stopReading = device.onMessage((message) => this.#handle(life, message));
    else if (!this.#readingWanted) {
      this.#stopReading?.();
      this.#stopReading = undefined;
    }
  }

  async #handle(life: Life, message: IncomingMessage): Promise<void> {
    const { checker, coverage } = this.#options;
    checker.onHandling(this, life.name, message);
    const { takesMs, ends } = this.mood();
    if (ends === "crashes") {
      coverage.count("fault:handler crashes the process");
      this.onCrash();
      return this.#sleep(life, 1);
    }
    if (takesMs > 0) await this.#sleep(life, takesMs);
    checker.onReturned(this.device, message.id);
    if (ends === "throws") throw new ParleyError("task_failed");
  }

  async #work(life: Life, task: { readonly signal: AbortSignal; progress(text: string): void }): Promise<unknown> {
    const { takesMs, ends } = this.mood();
    for (let part = 0; part < 3 && !task.signal.aborted; part++) {
      task.progress(`part ${part}`);
      await this.#sleep(life, 1 + takesMs / 3);
    }
    if (ends === "throws") throw new ParleyError("task_failed");
    return { done: true };
  }

  #sleep(life: Life, ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.scheduler.in(ms, life, "handler", resolve));
  }

  #clock(life: Life): SimClock {
    return new SimClock(this.#options.scheduler, this.machine, life);
  }

  #call(call: Promise<unknown>): void {
    const life = this.#life;
    this.pendingCalls++;
    const settle = (): void => {
      if (this.#life === life) this.pendingCalls--;
    };
    call.then(settle, (error: unknown) => {
      settle();
      if (life?.alive === true) this.#options.scheduler.fail(error instanceof Error ? error : new Error(String(error)));
    });
  }

  #checkCode(error: unknown): void {
    if (toParleyError(error).code === "internal")
      this.#options.scheduler.fail(error instanceof Error ? error : new Error(String(error)));
  }
}
