import { openMemoryStores, type Stores } from "@parley/core";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type InboxCandidate, type InboxGrant, InboxLeases } from "../src/inbox-leases.ts";

const member = "M".repeat(43);
const deviceOf = (letter: string): string => `${letter.repeat(42)}A`;
const leaseMs = 15_000;
const marginMs = 5000;

/** A session of one device: what it was told, in order. */
class Instance implements InboxCandidate {
  readonly identity: { member: string; device: string };
  readonly generation: number;
  readonly #clock: FakeClock;
  heardAt: number;
  told: string[] = [];
  grant: InboxGrant | undefined;
  /** Monotonic time until which the device believes that it holds the inbox. */
  until = 0;

  constructor(letter: string, generation: number, clock: FakeClock) {
    this.identity = { member, device: deviceOf(letter) };
    this.generation = generation;
    this.#clock = clock;
    this.heardAt = clock.monotonic();
  }

  get believes(): boolean {
    return this.#clock.monotonic() < this.until;
  }

  inboxGranted(grant: InboxGrant): void {
    this.grant = grant;
    this.until = this.#clock.monotonic() + grant.lifeMs;
    this.told.push(`granted ${grant.generation}`);
  }

  inboxAsked(generation: number): void {
    this.told.push(`asked ${generation}`);
  }

  inboxLost(): void {
    this.told.push("lost");
  }
}

/** One node on stores that several may share. */
class Node {
  readonly clock: FakeClock;
  readonly leases: InboxLeases;
  readonly sessions: Instance[] = [];
  readonly reading = new Set<string>();
  readonly shown = new Map<string, number>();
  readonly errors: unknown[] = [];
  devices: string[];

  constructor(clock: FakeClock, stores: Stores, letters = "AB") {
    this.clock = clock;
    this.devices = letters.split("").map(deviceOf);
    this.leases = new InboxLeases({
      records: stores.records,
      log: stores.log,
      clock,
      directory: {
        get: () => ({
          member,
          name: "ada",
          kind: "agent",
          roles: ["member"],
          scope: undefined,
          vouched: true,
          admissionExpires: Infinity,
          devices: this.devices,
          record: { root: "", rotations: [], admission: "", devices: "" },
          revoked: false,
        }),
      },
      presence: {
        consumer: (_member, device) => (this.reading.has(device) ? "reading" : "idle"),
        setInbox: (_member, device, generation) =>
          generation === undefined ? this.shown.delete(device) : this.shown.set(device, generation),
      },
      sessionsOf: () => this.sessions,
      leaseMs,
      marginMs,
      onChange: () => undefined,
      onError: (error) => this.errors.push(error),
    });
  }

  async open(letter: string, generation = 1): Promise<Instance> {
    const instance = new Instance(letter, generation, this.clock);
    this.sessions.push(instance);
    this.leases.consider(member);
    await this.clock.run(0);
    return instance;
  }

  async leave(instance: Instance, gaveUp: boolean): Promise<void> {
    if (this.sessions.includes(instance)) this.sessions.splice(this.sessions.indexOf(instance), 1);
    if (gaveUp) instance.until = 0;
    this.leases.leave(instance, gaveUp);
    await this.clock.run(0);
  }

  /** Time goes on; these are heard in each beat. */
  async run(ms: number, heard: readonly Instance[]): Promise<void> {
    for (let past = 0; past < ms; past += 5000) {
      await this.clock.run(Math.min(5000, ms - past));
      for (const instance of heard) instance.heardAt = this.clock.monotonic();
      for (const instance of this.sessions) this.leases.beat(instance);
      await this.clock.run(0);
    }
  }
}

function setUp(letters?: string): Node {
  const clock = new FakeClock();
  return new Node(clock, openMemoryStores({ clock }), letters);
}

describe("the inbox of an agent", () => {
  it("goes to the device that is connected longest, and is renewed while that is heard", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    await node.run(60_000, [ada, bea]);
    expect(ada.told.every((line) => line === "granted 1")).toBe(true);
    expect(ada.believes).toBe(true);
    expect(bea.told).toEqual([]);
    expect([...node.shown]).toEqual([[deviceOf("A"), 1]]);
    await expect(node.leases.check(bea)).rejects.toMatchObject({ code: "not_holder" });
    await node.leases.check(ada);
  });

  it("goes on at once when its holder gives it up, and only when the lease has run out when it is not heard", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    await node.leave(ada, true);
    expect(bea.grant?.generation).toBe(2);
    const again = await node.open("A", 2);
    await node.leave(bea, false);
    await node.run(leaseMs - 1, [again]);
    expect([bea.believes, again.told]).toEqual([false, []]);
    await node.run(2, [again]);
    expect(again.grant?.generation).toBe(3);
  });

  it("stays with a device that comes back, without waiting and without a new generation", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    await node.leave(ada, false);
    const again = await node.open("A", 2);
    expect([again.grant?.generation, bea.told]).toEqual([1, []]);
    // What the first session does late is not the second one's doing.
    await node.leave(ada, true);
    expect(node.leases.holderOf(member)).toBe(again);
  });

  it("is never granted again under a generation that was given up", async () => {
    const node = setUp();
    const ada = await node.open("A");
    await node.leases.release(ada, 1);
    await node.run(5000, [ada]);
    expect([ada.grant?.generation, [...node.shown.values()]]).toEqual([2, [2]]);
    await node.leave(ada, true);
    const again = await node.open("A", 2);
    expect(again.grant?.generation).toBe(3);
  });

  it("is asked back from an idle holder for one that reads, and changes hands when it is released", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    node.reading.add(deviceOf("B"));
    node.leases.consider(member);
    await node.clock.run(0);
    expect([ada.told.at(-1), bea.told]).toEqual(["asked 1", []]);
    expect(node.leases.holderOf(member)).toBe(ada);
    await expect(node.leases.release(ada, 7)).rejects.toMatchObject({ code: "not_holder" });
    await node.leases.release(ada, 1);
    expect([ada.told.at(-1), bea.told]).toEqual(["lost", ["granted 2"]]);
  });

  it("changes hands when a holder that was asked does not answer, but not before its lease has run out", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    node.reading.add(deviceOf("B"));
    await node.run(leaseMs - 1, [ada, bea]);
    expect([ada.believes, bea.told]).toEqual([false, []]);
    await node.run(5000, [ada, bea]);
    expect([ada.told.at(-1), bea.grant?.generation]).toEqual(["lost", 2]);
  });

  it("is not taken from a holder that reads, nor moved between two that are idle", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    node.reading.add(deviceOf("A")).add(deviceOf("B"));
    await node.run(20_000, [ada, bea]);
    expect(bea.told).toEqual([]);
  });

  it("is held at once and without renewals by the only device on the list", async () => {
    const node = setUp("A");
    const ada = await node.open("A");
    await node.leave(ada, false);
    node.devices = [deviceOf("B")];
    const bea = await node.open("B");
    expect(bea.grant?.generation).toBe(2);
    await node.run(3_600_000, []);
    expect(bea.told).toEqual(["granted 2"]);
    await node.leases.check(bea);
  });

  it("gives a holder that was alone the time of a lease once there is another", async () => {
    const node = setUp("A");
    const ada = await node.open("A");
    await node.run(3_600_000, []);
    await node.leave(ada, false);
    node.devices = [deviceOf("A"), deviceOf("B")];
    const bea = await node.open("B");
    await node.run(leaseMs - 1, [bea]);
    expect(bea.told).toEqual([]);
    await node.run(5000, [bea]);
    expect(bea.grant?.generation).toBe(2);
  });

  it("goes on at once from a device that is not listed any more", async () => {
    const node = setUp();
    const ada = await node.open("A");
    await node.leave(ada, false);
    node.devices = [deviceOf("B"), deviceOf("C")];
    expect((await node.open("B")).grant?.generation).toBe(2);
  });

  it("flags what the holder before was pushed, and all of the log when nobody knows", async () => {
    const clock = new FakeClock();
    const stores = openMemoryStores({ clock });
    for (let count = 0; count < 9; count++) await stores.log.append(`mailbox/${member}`, new Uint8Array([count]));
    const node = new Node(clock, stores);
    const ada = await node.open("A");
    expect(ada.grant?.uncertainTo).toBe(0);
    node.leases.pushed(ada, 4);
    await node.leave(ada, true);
    const bea = await node.open("B");
    expect(bea.grant?.uncertainTo).toBe(4);
    // A node that starts anew does not know how far the holder got.
    const next = new Node(clock, stores);
    const back = await next.open("B", 2);
    expect(back.grant).toMatchObject({ generation: 2, uncertainTo: 4 });
    await next.leave(back, true);
    expect((await next.open("A", 2)).grant?.uncertainTo).toBe(9);
  });

  it("takes no notice of a wall clock that jumps", async () => {
    const node = setUp();
    const [ada, bea] = [await node.open("A"), await node.open("B")];
    node.clock.skew(86_400_000);
    await node.leave(ada, false);
    await node.run(leaseMs - 1, [bea]);
    expect(bea.told).toEqual([]);
    node.clock.skew(-86_400_000 * 2);
    await node.run(5000, [bea]);
    expect(bea.grant?.generation).toBe(2);
  });

  it("is no other's for the time of a lease, whatever the clock of a node says that starts anew", async () => {
    for (const skew of [86_400_000, -86_400_000]) {
      const clock = new FakeClock();
      const stores = openMemoryStores({ clock });
      const node = new Node(clock, stores);
      const ada = await node.open("A");
      node.leases.stop();
      clock.skew(skew);
      const next = new Node(clock, stores);
      const bea = await next.open("B", 2);
      await next.run(leaseMs - 1, [bea]);
      expect([ada.believes, bea.told]).toEqual([false, []]);
      await next.run(5000, [bea]);
      expect(bea.grant?.generation).toBe(2);
    }
  });

  it("stays with a holder that another node hears, and goes on when that node is gone", async () => {
    const clock = new FakeClock();
    const stores = openMemoryStores({ clock });
    const nodes = [new Node(clock, stores), new Node(clock, stores)] as const;
    const ada = await nodes[0].open("A");
    const bea = await nodes[1].open("B", 2);
    const run = async (ms: number): Promise<void> => {
      for (let past = 0; past < ms; past += 5000) {
        await nodes[0].run(5000, [ada]);
        await nodes[1].run(0, [bea]);
        bea.heardAt = clock.monotonic();
      }
    };
    await run(120_000);
    expect([ada.believes, bea.told]).toEqual([true, []]);
    nodes[0].leases.stop();
    await run(leaseMs * 2);
    expect(bea.grant?.generation).toBe(2);
  });

  it("is held by one device at a time over two nodes, whatever comes and goes", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const pick = (below: number): number => (random.bytes(1)[0] ?? 0) % below;
      const clock = new FakeClock();
      const stores = openMemoryStores({ clock, faults: { random, conflicts: true, offsetGaps: true } });
      const nodes = [new Node(clock, stores, "ABC"), new Node(clock, stores, "ABC")];
      const living = new Map<string, { instance: Instance; node: Node }>();
      const everybody: Instance[] = [];
      let generation = 0;
      let grants = 0;
      for (let step = 0; step < 120; step++) {
        const letter = "ABC"[pick(3)] ?? "A";
        const known = living.get(letter);
        const action = pick(6);
        if (action <= 1 && known === undefined) {
          const node = nodes[pick(2)] ?? new Node(clock, stores);
          const instance = await node.open(letter, ++generation);
          living.set(letter, { instance, node });
          // The next session of the same device: what it believes, it goes on believing.
          const before = everybody.findLast(({ identity }) => identity.device === deviceOf(letter));
          if (before !== undefined) {
            instance.until = Math.max(instance.until, before.until);
            before.until = 0;
          }
          everybody.push(instance);
        } else if (action === 2 && known !== undefined) {
          living.delete(letter);
          await known.node.leave(known.instance, pick(2) === 0);
        } else if (action === 3 && known !== undefined) {
          const { reading } = known.node;
          if (!reading.delete(deviceOf(letter))) reading.add(deviceOf(letter));
          known.node.leases.consider(member);
          await clock.run(0);
        } else if (action === 4 && known?.instance.told.at(-1)?.startsWith("asked") === true) {
          known.instance.until = 0;
          await known.node.leases.release(known.instance, known.instance.grant?.generation ?? 0);
        } else {
          await clock.run(1000 * pick(9));
          for (const { instance, node } of living.values()) {
            if (pick(4) > 0) instance.heardAt = clock.monotonic();
            node.leases.beat(instance);
          }
          await clock.run(0);
        }
        const holders = everybody.filter(({ believes }) => believes).map(({ identity }) => identity.device);
        expect(new Set(holders).size, `seed ${seed}, step ${step}: ${holders.join(" ")}`).toBeLessThanOrEqual(1);
        grants += holders.length;
      }
      expect(grants).toBeGreaterThan(0);
      expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
    }
  });
});
