import { type Clock, systemClock, type Timer } from "@parley/core";
import { describe, expect, it } from "vitest";

import { MeshScope, Messages, until } from "./device-fixture.ts";
import { serve } from "./task-fixture.ts";

const input = { text: "hello" };

/** A clock whose time can be made to run faster. */
class HastyClock implements Clock {
  speed = 1;
  #before = systemClock.monotonic();
  #mine = 0;

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    const real = systemClock.monotonic();
    this.#mine += (real - this.#before) * this.speed;
    this.#before = real;
    return this.#mine;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return systemClock.setTimer(delayMs / this.speed, run);
  }

  soon(run: () => void): void {
    systemClock.soon(run);
  }

  passes(ms: number): Promise<void> {
    const end = this.monotonic() + ms;
    return until(() => this.monotonic() >= end);
  }
}

describe("while the registry is away", () => {
  it("messages, tasks and pings go on over links, and what needs it says so", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol");
    await serve(bob);
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    await (
      await alice.device.send("@bob", "before")
    ).settled;
    await scope.mesh.stopRegistry();
    await Promise.all([alice, bob, carol].map(({ events }) => events.session("waiting")));

    const sent = await alice.device.send("@bob", "during");
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "direct" });
    expect(await alice.device.ping("@bob")).toMatchObject({ path: "direct" });
    const run = await alice.device.delegate("@bob", { skill: "echo", input });
    expect(await run.outcome).toMatchObject({ path: "direct", output: input });
    const live = await alice.device.send("@bob", "live", { class: "live" });
    expect(await live.settled).toMatchObject({ state: "delivered", path: "direct" });
    await expect(alice.device.connect("@carol")).rejects.toMatchObject({ code: "unreachable" });
    await expect(alice.device.delegate(undefined, { skill: "echo", input })).rejects.toMatchObject({
      code: "unreachable",
    });
    await expect(alice.device.find({})).rejects.toMatchObject({ code: "unreachable" });
    expect(messages.texts).toEqual(["before", "during", "live"]);
  });

  it("a link stays up though something waits for the relay", async () => {
    await using scope = await MeshScope.start();
    const clock = new HastyClock();
    const alice = await scope.join("alice", { clock });
    await scope.join("bob");
    const stream = await alice.device.stream("@bob", { paths: ["relay"] });
    await alice.device.connect("@bob");
    await scope.mesh.stopRegistry();
    await alice.events.session("waiting");
    stream.write(new Uint8Array(10));
    clock.speed = 20;
    // Longer than a link may leave something unanswered.
    await clock.passes(20_000);
    expect(alice.events.seen.filter((event) => event.type === "link" && event.link.state === "closed")).toEqual([]);
    clock.speed = 1;
    await scope.startRegistry();
    await until(() => stream.unacked === 0);
  });

  it("sessions come back by themselves, and everybody who was away with them", async () => {
    await using scope = await MeshScope.start();
    const members = await Promise.all(["alice", "bob", "carol", "dora"].map((name) => scope.join(name)));
    for (let round = 0; round < 3; round++) {
      const from = members.map(({ events }) => events.seen.length);
      await scope.mesh.stopRegistry();
      await Promise.all(members.map(({ events }, index) => events.session("waiting", from[index])));
      await scope.startRegistry();
      await Promise.all(members.map(({ events }, index) => events.session("connected", from[index])));
    }
    await scope.join("erin");
    for (const { device } of members) expect(await device.ping("@erin", { timeoutMs: 5000 })).toBeDefined();
  });

  it("somebody who started anew meanwhile is met again", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(alice.device);
    await alice.device.connect("@bob");
    await scope.mesh.stopRegistry();
    await bob.device.stop();
    const from = alice.events.seen.length;
    await scope.startRegistry();
    const again = await scope.restart(bob.joined, { journal: bob.journal });
    await alice.events.session("connected", 0);
    const sent = await again.device.send("@alice", "a new start");
    expect((await sent.settled).state).toBe("delivered");
    await messages.count(1);
    await again.device.connect("@alice");
    await alice.events.link("open", from);
    expect(await alice.device.ping("@bob", { paths: ["direct"] })).toMatchObject({ path: "direct" });
    expect(await alice.device.ping("@bob", { paths: ["relay"] })).toMatchObject({ path: "relay" });
  });
});
