import { setImmediate as nextTask } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { MeshScope, Messages, numbered } from "./device-fixture.ts";

describe("a stream whose path changes", () => {
  it("keeps the order of durable messages, loses none and doubles none", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const count = 1500;
    const rounds = 4;
    const text = (index: number): string => `m ${index} `.padEnd(1000, "x");
    const messages = new Messages(bob.device);
    for (let round = 0; round < rounds; round++) {
      const from = round * count;
      const link = alice.device.connect("@bob");
      // Some leave by relay before the link opens, some by the link, some are under way when it breaks.
      const sending = (async () => {
        for (let index = from; index < from + count; index++) {
          await alice.device.send("@bob", text(index));
          await nextTask();
        }
      })();
      await messages.count(from + count / 8);
      await link;
      const seen = alice.events.seen.length;
      (round % 2 === 0 ? alice : bob).links.cut();
      await sending;
      await alice.events.link("closed", seen);
      await messages.count(from + count);
    }
    const last = await alice.device.send("@bob", "last");
    expect((await last.settled).state).toBe("delivered");
    expect(messages.texts).toEqual([...Array.from({ length: rounds * count }, (_, index) => text(index)), "last"]);
    expect(new Set(messages.all.map(({ path }) => path))).toEqual(new Set(["relay", "direct"]));
    expect(messages.all.some(({ redelivered }) => redelivered)).toBe(false);
  });

  it("keeps the order of a live stream over relay, link and relay again", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const count = 30_000;
    const got: number[] = [];
    let reached = Promise.withResolvers<void>();
    let goal = 0;
    bob.device.onStream(({ body }) => {
      got.push(new DataView(body.buffer, body.byteOffset).getUint32(0));
      if (got.length === goal) reached.resolve();
    });
    const until = (wanted: number): Promise<void> => {
      goal = wanted;
      reached = Promise.withResolvers<void>();
      return got.length >= wanted ? Promise.resolve() : reached.promise;
    };
    const stream = await alice.device.stream("@bob");
    const write = async (from: number, to: number): Promise<void> => {
      for (let value = from; value < to; value++) {
        const body = new Uint8Array(64);
        new DataView(body.buffer).setUint32(0, value);
        while (!stream.write(body)) await stream.room();
      }
    };
    const writing = write(0, count);
    await alice.device.connect("@bob");
    await until(count / 10);
    alice.links.cut();
    await until(count / 2);
    await alice.device.connect("@bob");
    bob.links.cut();
    await writing;
    await until(count);
    expect(got).toEqual(Array.from({ length: count }, (_, index) => index));
    while (stream.unacked > 0) await until(count);
  });

  it("goes back to the link by itself after it broke", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    const from = alice.events.seen.length;
    bob.links.cut();
    const sent = await alice.device.send("@bob", "after the cut");
    expect((await sent.settled).state).toBe("delivered");
    await alice.events.link("closed", from);
    await alice.device.send("@bob", "dials anew");
    await alice.events.link("open", from);
    const again = await alice.device.send("@bob", "by the new link");
    expect(await again.settled).toMatchObject({ state: "delivered", path: "direct" });
    await messages.count(3);
    expect(messages.texts).toEqual(["after the cut", "dials anew", "by the new link"]);
  });

  it("delivers what is under way when the newer of two links takes over", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    // Alice does not learn that her first link is dead.
    alice.links.tap = (callbacks) => ({ ...callbacks, onClosed: () => undefined });
    await alice.device.connect("@bob");
    alice.links.tap = (callbacks) => callbacks;
    await bob.events.link("open");
    bob.links.cut();
    const sent = await Promise.all(numbered("m", 500).map((text) => alice.device.send("@bob", text)));
    await bob.device.connect("@alice");
    for (const one of sent) expect(await one.settled).toMatchObject({ state: "delivered", path: "direct" });
    await messages.count(500);
    expect(messages.texts).toEqual(numbered("m", 500));
    const reasons = alice.events.seen.flatMap((event) => (event.type === "link" ? [event.reason] : []));
    expect(reasons).not.toContainEqual(expect.stringContaining("unanswered"));
  });
});
