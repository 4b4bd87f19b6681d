import { setImmediate as nextTask } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { Messages, numbered } from "./device-fixture.ts";
import { ProcessMesh } from "./process-mesh.ts";

describe("a registry that is killed", () => {
  it("takes no direct message along, and after its restart both sides resume and new members join", async () => {
    await using mesh = await ProcessMesh.start();
    const alice = await mesh.join("alice");
    const bob = await mesh.join("bob");
    const count = 3000;
    const toBob = new Messages(bob.device);
    const toAlice = new Messages(alice.device);
    await alice.device.connect("@bob");
    const sending = (async () => {
      for (let index = 0; index < count; index++) {
        await Promise.all([alice.device.send("@bob", `a ${index}`), bob.device.send("@alice", `b ${index}`)]);
        await nextTask();
      }
    })();
    await toBob.count(count / 10);
    await mesh.kill();
    await Promise.all([alice.events.session("waiting"), bob.events.session("waiting")]);
    await sending;
    await Promise.all([toBob.count(count), toAlice.count(count)]);
    expect(toBob.texts).toEqual(numbered("a", count));
    expect(toAlice.texts).toEqual(numbered("b", count));
    expect(alice.device.links()).toHaveLength(1);
    expect(alice.events.seen.filter((event) => event.type === "link" && event.link.state === "closed")).toEqual([]);

    const from = [alice.events.seen.length, bob.events.seen.length] as const;
    await mesh.restart();
    await Promise.all([alice.events.session("connected", from[0]), bob.events.session("connected", from[1])]);
    const carol = await mesh.join("carol");
    const hello = await carol.device.send("@bob", "hello from carol");
    expect((await hello.settled).state).toBe("delivered");
    await toBob.count(count + 1);
    expect([...alice.events.refusals, ...bob.events.refusals]).toEqual([]);
  });

  it("hands out after its restart everything that it had stored before", async () => {
    await using mesh = await ProcessMesh.start();
    const alice = await mesh.join("alice", false);
    const bob = await mesh.join("bob", false);
    const first = await alice.device.send("@bob", "known");
    expect((await first.settled).state).toBe("delivered");
    await bob.device.stop();
    const count = 400;
    const sending = (async () => {
      for (let index = 0; index < count; index++) {
        await alice.device.send("@bob", `m ${index} `.padEnd(2000, "x"));
        await nextTask();
      }
    })();
    const stored = (): number =>
      alice.events.seen.filter(
        (event) => event.type === "delivery" && event.delivery.state === "stored" && event.delivery.id !== first.id,
      ).length;
    while (stored() < count / 4)
      await alice.events.first("delivery", ({ delivery }) => delivery.state === "stored", alice.events.seen.length);
    await mesh.kill();
    const kept = stored();
    // The sender goes for good: only what the registry has can arrive.
    await sending;
    await alice.device.stop();
    await mesh.restart();
    const again = await mesh.open(bob.joined, false);
    const messages = new Messages(again.device);
    await messages.count(kept);
    expect(kept).toBeGreaterThanOrEqual(count / 4);
    const numbers = messages.texts.map((text) => Number(text.split(" ")[1]));
    expect(numbers.slice(0, kept)).toEqual(Array.from({ length: kept }, (_, index) => index));
  });

  it("keeps from nobody what was accepted while it was away", async () => {
    await using mesh = await ProcessMesh.start();
    const alice = await mesh.join("alice", false);
    const bob = await mesh.join("bob", false);
    const messages = new Messages(bob.device);
    await (
      await alice.device.send("@bob", "before")
    ).settled;
    for (let round = 0; round < 3; round++) {
      const sending = numbered(`${round}:`, 200).map((text) => alice.device.send("@bob", text));
      await mesh.kill();
      await Promise.all(sending);
      const more = await alice.device.send("@bob", `${round} last`);
      await mesh.restart();
      expect((await more.settled).state).toBe("delivered");
    }
    const expected = [0, 1, 2].flatMap((round) => [...numbered(`${round}:`, 200), `${round} last`]);
    await messages.count(1 + expected.length);
    expect(messages.texts).toEqual(["before", ...expected]);
  });
});
