/** The registry's machine: one node after the other on the same stores. */
import { type AppendResult, type MemoryFaults, openMemoryStores, type Stores } from "@parley/core";
import { type RegistryBounds, RegistryNode } from "@parley/registry";
import type { SeededRandom } from "@parley/testkit";

import { keys } from "../../packages/registry/src/keys.ts";
import type { Cast } from "./cast.ts";
import type { Coverage } from "./coverage.ts";
import { type DiskTrouble, Gate } from "./gate.ts";
import { type Machine, makeMachine, SimClock } from "./machine.ts";
import { Life, type Scheduler } from "./scheduler.ts";
import { type StoreView, viewStores } from "./sim-stores.ts";

export interface SimRegistryOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly cast: Cast;
  readonly faults: Omit<MemoryFaults, "random">;
  readonly bounds: Partial<RegistryBounds>;
  readonly delay: () => number;
  readonly onAppended: (bytes: Uint8Array, offset: number) => void;
}

const encoder = new TextEncoder();
const mailboxPrefix = "mailbox/";

export class SimRegistry {
  readonly machine: Machine = makeMachine("registry");
  readonly #options: SimRegistryOptions;
  readonly #stores: Stores;
  #life: Life | undefined;
  #node: RegistryNode | undefined;
  #gate: Gate | undefined;
  #view: StoreView | undefined;
  #lives = 0;
  #trouble: DiskTrouble;

  constructor(options: SimRegistryOptions) {
    this.#options = options;
    const { scheduler, random, faults } = options;
    // The stores are a machine of their own, which does not go down.
    const clock = new SimClock(scheduler, this.machine, new Life("stores"));
    this.#stores = openMemoryStores({ clock, random, faults: { ...faults, random } });
  }

  get node(): RegistryNode | undefined {
    return this.#node;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  set trouble(trouble: DiskTrouble) {
    this.#trouble = trouble;
    if (this.#gate !== undefined) this.#gate.trouble = trouble;
  }

  /** Writes what a mesh is made of, as a claim and admissions would have left it. */
  async found(members: readonly { name: string; member: string; record: object }[]): Promise<void> {
    const { cast } = this.#options;
    const { records } = this.#stores;
    const put = (key: string, value: object): Promise<unknown> =>
      records.put(key, encoder.encode(JSON.stringify(value)));
    const { card: _, ...founder } = cast.founder.record;
    await put(keys.meshState, { operators: [cast.genesis], certificate: cast.certificate, founder });
    for (const { name, member, record } of [cast.founder, ...members]) {
      await put(keys.member(member), { record });
      await put(keys.name(name), { member, name, at: 0 });
    }
  }

  /** Starts a node. It takes sessions a little later. */
  start(): void {
    const { scheduler, random, coverage, cast, bounds, delay } = this.#options;
    const life = new Life(`registry-${++this.#lives}`);
    const gate = new Gate({ scheduler, random, life, kind: "store", delay });
    gate.trouble = this.#trouble;
    const view = viewStores({
      stores: this.#stores,
      scheduler,
      life,
      gate,
      onLog: (name, args, result) => this.#onLog(name, args, result),
    });
    this.#life = life;
    this.#gate = gate;
    this.#view = view;
    const node = new RegistryNode({
      stores: view.stores,
      nodeKey: cast.nodeKey,
      clock: new SimClock(scheduler, this.machine, life),
      random,
      bounds,
      log: (level, event, fields) => {
        if (level === "error" && isBug(fields))
          scheduler.fail(new Error(`${life.name}: ${event} ${JSON.stringify(fields)}`));
        scheduler.note(`${life.name} ${event} ${Object.values(fields).join(" ").slice(0, 100)}`);
        if (event === "session.closed") coverage.count(`node session closed:${String(fields["code"])}`);
      },
    });
    node.open().then(
      () => {
        if (!life.alive) return;
        node.begin();
        this.#node = node;
        coverage.count("registry:start");
      },
      () => {
        scheduler.in(500, life, "registry.again", () => {
          this.#end();
          this.start();
        });
      },
    );
  }

  /** The process dies between two steps. */
  crash(): Life | undefined {
    const life = this.#life;
    this.#end();
    return life;
  }

  /** An orderly stop; `done` comes when nothing is left of the process. */
  stop(done: (life: Life) => void): void {
    const life = this.#life;
    const node = this.#node;
    this.#node = undefined;
    if (life === undefined || node === undefined) return;
    const exit = (): void => {
      this.#end();
      done(life);
    };
    void node.end().then(() => this.#options.scheduler.in(200, life, "registry.exit", exit));
  }

  /** Frames that lie in mailboxes. */
  async waiting(member: string): Promise<number> {
    return (await this.#stores.log.read(keys.mailbox(member), { limit: 1000 })).entries.length;
  }

  #end(): void {
    if (this.#life !== undefined) this.#life.alive = false;
    this.#gate?.die();
    this.#view?.end();
    this.#node = undefined;
    this.#life = undefined;
  }

  #onLog(name: string, args: readonly unknown[], result: unknown): void {
    const { coverage, scheduler, onAppended } = this.#options;
    if (typeof args[0] !== "string" || !args[0].startsWith(mailboxPrefix)) return;
    if (name === "append") {
      const { duplicate, offset } = result as AppendResult;
      coverage.count(duplicate ? "mailbox:append again" : "mailbox:append");
      onAppended(args[1] as Uint8Array, offset);
    } else if (name === "trim") coverage.count("mailbox:trim");
    scheduler.note(`${name} ${args[0].slice(0, 16)} ${typeof args[1] === "number" ? args[1] : ""}`);
  }
}

const isBug = (fields: Readonly<Record<string, unknown>>): boolean =>
  fields["code"] === "internal" || fields["code"] === undefined;
