/** The whole simulated mesh: machines, the network between them, and what is done to it. */
import type { SocketLike } from "@parley/client";
import type { MemoryFaults } from "@parley/core";
import type { PushBody } from "@parley/protocol";
import type { RegistryBounds } from "@parley/registry";
import { SeededRandom } from "@parley/testkit";

import type { Cast, CastMember } from "./cast.ts";
import { Checker } from "./checker.ts";
import { Connection } from "./connection.ts";
import type { Coverage } from "./coverage.ts";
import { beginning, type Machine } from "./machine.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import { SimDevice } from "./sim-device.ts";
import { LinkNet } from "./sim-link.ts";
import { SimRegistry } from "./sim-registry.ts";

/** What does not change during one seed. */
export interface MeshPlan {
  readonly members: readonly CastMember[];
  /** Which pairs of machines can have a link, and by which path. */
  readonly links: "direct" | "turn" | "mixed" | "none";
  readonly policy: "all" | "relay";
  readonly faults: Omit<MemoryFaults, "random">;
  readonly bounds: Partial<RegistryBounds>;
  readonly journalEntries: number | undefined;
  readonly bufferScale: number;
  /** How slow the network is: 1 is a local one. */
  readonly slowness: number;
}

export interface SimMeshOptions {
  readonly scheduler: Scheduler;
  readonly seed: number;
  readonly coverage: Coverage;
  readonly cast: Cast;
  readonly plan: MeshPlan;
}

const connectTriesMs = 1000;
const connectTries = 8;
/** What is lost where times are rounded to milliseconds, at both ends. */
const roundedMs = 3;

export class SimMesh {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly checker: Checker;
  readonly plan: MeshPlan;
  readonly registry: SimRegistry;
  readonly devices: readonly SimDevice[];
  readonly linkNet: LinkNet;
  readonly #connections = new Set<Connection>();
  /** Pairs of machines between which links are cut, in this direction. */
  readonly #cuts = new Set<string>();

  constructor({ scheduler, seed, coverage, cast, plan }: SimMeshOptions) {
    this.scheduler = scheduler;
    this.random = new SeededRandom(seed);
    this.coverage = coverage;
    this.plan = plan;
    const devicesOf = new Map(
      plan.members.map(({ member, devices }) => [member, devices.map(({ device }) => device.id)]),
    );
    this.checker = new Checker(scheduler, coverage, devicesOf);
    this.registry = new SimRegistry({
      scheduler,
      random: this.#fork(),
      coverage,
      cast,
      faults: plan.faults,
      bounds: plan.bounds,
      delay: this.#disk(),
      onAppended: (bytes, offset) => this.checker.onAppended(bytes, offset),
    });
    this.linkNet = new LinkNet({
      scheduler,
      random: this.#fork(),
      ground: {
        pathBetween: (from, to) => this.#pathBetween(from, to),
        isCut: (from, to) => from.outCut || to.inCut || this.#cuts.has(`${from.name}>${to.name}`),
      },
      delay: this.#network(),
      bufferScale: plan.bufferScale,
    });
    this.devices = plan.members.flatMap((member) =>
      member.devices.map((identity, place) => this.#makeDevice(cast, member, identity, place)),
    );
  }

  async found(): Promise<void> {
    await this.registry.found(this.plan.members);
  }

  get openConnections(): readonly Connection[] {
    for (const connection of this.#connections) if (connection.isOver) this.#connections.delete(connection);
    return [...this.#connections].filter(({ isOpen }) => isOpen);
  }

  crash(device: SimDevice, silently: boolean): void {
    const life = device.end();
    if (life !== undefined) this.#lost(life, silently);
  }

  crashRegistry(silently: boolean): void {
    const life = this.registry.crash();
    if (life !== undefined) this.#lost(life, silently);
  }

  stopRegistry(then: () => void): void {
    this.registry.stop((life) => {
      this.#lost(life, false);
      then();
    });
  }

  /** An orderly stop of a device. */
  stop(device: SimDevice, then: () => void): void {
    device.stop(() => {
      this.crash(device, false);
      then();
    });
  }

  cutLinks(from: Machine, to: Machine, isCut: boolean): void {
    if (isCut) this.#cuts.add(`${from.name}>${to.name}`);
    else this.#cuts.delete(`${from.name}>${to.name}`);
    this.look();
  }

  /** Ends everything that the network holds back. */
  healNetwork(): void {
    this.#cuts.clear();
    for (const { machine } of [...this.devices, this.registry]) {
      machine.inCut = false;
      machine.outCut = false;
    }
    for (const connection of this.#connections) {
      connection.isSlow = false;
      connection.up.stalled = false;
      connection.down.stalled = false;
    }
    for (const link of this.linkNet.open) link.stall(false);
    this.look();
  }

  /** Says to everything that the network has changed. */
  look(): void {
    for (const connection of this.#connections) connection.look();
    this.linkNet.look();
  }

  #fork(): SeededRandom {
    return new SeededRandom(this.random.below(2 ** 31));
  }

  #network(): () => number {
    const random = this.#fork();
    const { slowness } = this.plan;
    return () => {
      const luck = random.fraction();
      if (luck < 0.85) return slowness * (0.1 + 2 * random.fraction());
      return slowness * (luck < 0.97 ? 40 : 400) * random.fraction();
    };
  }

  #disk(): () => number {
    const random = this.#fork();
    return () => (random.chance(0.95) ? 0.05 + random.fraction() : 30 * random.fraction());
  }

  #pathBetween(from: Machine, to: Machine): "direct" | "turn" | undefined {
    const { links } = this.plan;
    if (links === "none") return undefined;
    if (links !== "mixed") return links;
    return (from.name.charCodeAt(0) + to.name.charCodeAt(0)) % 2 === 0 ? "direct" : "turn";
  }

  /**
   * Time by a clock that was ahead, of what was dated by one that was behind. A device cannot know the registry's time
   * better than to half the round trip in which it was told, so two of them differ by the slowest one.
   */
  #latest(): number {
    const machines = [this.registry, ...this.devices].map(({ machine }) => machine);
    const ahead = Math.max(...machines.map(({ furthestAhead }) => furthestAhead));
    const behind = Math.min(...machines.map(({ furthestBehind }) => furthestBehind));
    const inexact = Math.max(...machines.map(({ slowestWelcomeMs }) => slowestWelcomeMs));
    return beginning + this.scheduler.time + ahead - behind + inexact + roundedMs;
  }

  #makeDevice(cast: Cast, member: CastMember, identity: CastMember["devices"][number], place: number): SimDevice {
    const { plan, scheduler, coverage, checker } = this;
    const { journalEntries } = plan;
    const device: SimDevice = new SimDevice({
      scheduler,
      random: this.#fork(),
      coverage,
      checker,
      cast,
      member,
      identity,
      place,
      journal: journalEntries === undefined ? undefined : { maxEntries: journalEntries, maxBytes: 1_048_576 },
      delay: this.#disk(),
      connect: (machine, life) => this.#connect(machine, life),
      links: plan.links === "none" ? undefined : (life, machine) => this.linkNet.factory(life, machine),
      policy: plan.policy,
      latest: () => this.#latest(),
    });
    device.onCrash = () => this.crash(device, false);
    return device;
  }

  #connect(machine: Machine, life: Life): SocketLike {
    const { scheduler, registry, plan } = this;
    // A socket is there before anybody knows whether there is a node at its other end.
    const node = registry.life;
    const connection = new Connection({
      scheduler,
      random: this.#fork(),
      device: life,
      node: node ?? life,
      deviceMachine: machine,
      nodeMachine: registry.machine,
      delay: this.#network(),
      bufferScale: plan.bufferScale,
      onText: (text, toDevice) => {
        if (!toDevice && text.startsWith('{"type":"proof"')) machine.proofSentAt = scheduler.time;
        this.#onText(life, text, toDevice);
      },
      onHeard: (text) => this.#onHeard(machine, text),
    });
    this.#connections.add(connection);
    const dial = (tries: number): void => {
      if (connection.isOver) return;
      const isCut = machine.inCut || machine.outCut || registry.machine.inCut || registry.machine.outCut;
      if (isCut && tries < connectTries)
        return void scheduler.in(connectTriesMs, life, "connect", () => dial(tries + 1));
      const running = registry.node;
      if (isCut || running === undefined || node === undefined || registry.life !== node || node.asleep)
        return connection.refuse();
      connection.accepted((socket) => running.accept(socket));
    };
    scheduler.in(1 + this.random.below(10), life, "connect", () => dial(0));
    return connection.socket;
  }

  #onText({ name }: Life, text: string, toDevice: boolean): void {
    if (
      toDevice ? text.startsWith('{"type":"inbox') || text.startsWith('{"type":"mailbox') : text.includes('"mailbox.')
    )
      this.scheduler.note(`${name} ${toDevice ? "is told" : "asks"} ${text.slice(0, 120)}`);
    if (!toDevice || !text.startsWith('{"type":"')) return;
    const type = text.slice(9, text.indexOf('"', 9));
    if (type.includes(".") || type === "presence" || type === "goodbye") this.coverage.count(`push:${type}`);
  }

  #onHeard({ name }: Machine, text: string): void {
    if (!text.startsWith('{"type":"mailbox.trimmed"')) return;
    const device = this.devices.find(({ machine }) => machine.name === name);
    if (device === undefined) return;
    const { body } = JSON.parse(text) as { readonly body: PushBody<"mailbox.trimmed"> };
    const { furthestAhead } = this.registry.machine;
    this.checker.onTrimmed(device, body, beginning + this.scheduler.time + furthestAhead);
  }

  #lost(life: Life, silently: boolean): void {
    for (const connection of this.#connections) {
      if (connection.device === life) connection.lost("device", silently);
      if (connection.node === life) connection.lost("node", silently);
    }
    this.linkNet.lost(life);
  }
}
