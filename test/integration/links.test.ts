import { describe, expect, it } from "vitest";

import { type Joined, LinkControl, MeshScope, Messages } from "./device-fixture.ts";

/** Both sides have the link, and it carries a ping. */
async function expectLinked(one: Joined, other: Joined): Promise<void> {
  expect(await one.device.ping(other.device.member, { paths: ["direct"] })).toMatchObject({ path: "direct" });
  expect(await other.device.ping(one.device.member, { paths: ["direct"] })).toMatchObject({ path: "direct" });
}

describe("links", () => {
  it("are made when two devices first talk, not before", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol");
    await alice.device.memberOf("@bob");
    expect(alice.links.links).toHaveLength(0);
    const sent = await alice.device.send("@bob", "hello");
    const { link } = await alice.events.link("open");
    expect(link).toMatchObject({ name: "bob", path: "direct", state: "open" });
    expect(link.openedInMs).toBeGreaterThan(0);
    expect(link.route?.local).toMatch(/^host udp /);
    await bob.events.link("open");
    expect((await sent.settled).state).toBe("delivered");
    expect(alice.device.links()).toMatchObject([{ name: "bob" }]);
    expect(carol.links.links).toHaveLength(0);
  });

  it("end up as one on each side when both dial in the same tick, round after round", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    for (let round = 0; round < 20; round++) {
      await Promise.all([alice.device.connect("@bob"), bob.device.connect("@alice")]);
      await expectLinked(alice, bob);
      // What lost may end a moment later than what won opened.
      while (alice.links.open.length > 1 || bob.links.open.length > 1) await expectLinked(alice, bob);
      const closed = [
        alice.events.link("closed", alice.events.seen.length),
        bob.events.link("closed", bob.events.seen.length),
      ];
      (round % 2 === 0 ? alice : bob).links.cut();
      await Promise.all(closed);
    }
    expect([...alice.events.refusals, ...bob.events.refusals]).toEqual([]);
  });

  it("are dialled anew by either side right after a cut", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    for (let round = 0; round < 20; round++) {
      const [cutter, other] = round % 2 === 0 ? [alice, bob] : [bob, alice];
      const sending = Array.from({ length: 20 }, (_, index) => alice.device.send("@bob", `${round} ${index}`));
      cutter.links.cut();
      await cutter.device.connect(other.device.member);
      await Promise.all(sending);
      await messages.count((round + 1) * 20);
    }
    expect(new Set(messages.texts).size).toBe(400);
    expect([...alice.events.refusals, ...bob.events.refusals]).toEqual([]);
  });

  it("go when nobody has used them for a while, and come back when somebody does", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice", { linkIdleMs: 100 });
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    const { reason } = await alice.events.link("closed");
    expect(reason).toContain("idle");
    await bob.events.link("closed");
    expect(alice.device.links()).toEqual([]);
    const from = alice.events.seen.length;
    await alice.device.send("@bob", "again");
    await alice.events.link("open", from);
    await messages.count(1);
  });

  it("are refused with path_unavailable where they cannot be had", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    await scope.join("bob", { links: false });
    const carol = await scope.join("carol", { links: false });
    await expect(carol.device.connect("@alice")).rejects.toMatchObject({ code: "path_unavailable" });
    await expect(alice.device.connect("@alice")).rejects.toMatchObject({ code: "self_call" });
    await expect(alice.device.connect("@nobody")).rejects.toMatchObject({ code: "unknown_member" });
    const controller = new AbortController();
    const dialling = alice.device.connect("@bob", { signal: controller.signal });
    controller.abort();
    await expect(dialling).rejects.toBeDefined();
    await expect(alice.device.connect("@bob", { signal: AbortSignal.abort() })).rejects.toBeDefined();
  });

  it("are not made by a device that is stopping", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const stopping = alice.device.stop();
    await Promise.allSettled([stopping, bob.device.connect("@alice", { signal: AbortSignal.timeout(500) })]);
    expect(alice.links.open).toHaveLength(0);
  });

  it("leave nothing behind when their factory closes", async () => {
    const control = new LinkControl();
    await control.close();
    const options = { iceServers: [], maxMessageBytes: 65_536 };
    const nothing = (): void => undefined;
    const callbacks = { onSignal: nothing, onOpen: nothing, onMessage: nothing, onDrain: nothing, onClosed: nothing };
    expect(() => control.create(options, callbacks)).toThrow("closed");
  });
});
