import type { Link, LinkRoute } from "@parley/core";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, Messages, numbered, until } from "./device-fixture.ts";

/** A link with some of its members replaced. */
function changed(link: Link, change: Partial<Link>): Link {
  return new Proxy(link, {
    get: (target, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(change, key) ? change : target, key, target);
      return typeof value === "function" && !Object.hasOwn(change, key) ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Makes the next `count` links of a device look as if they went through TURN. */
function throughTurn(who: Joined, count: number): void {
  let made = 0;
  who.links.wrap = (link) => {
    if (made++ >= count) return link;
    const route = async (): Promise<LinkRoute | undefined> => {
      const found = await link.route();
      return found === undefined ? undefined : { ...found, path: "turn" };
    };
    return changed(link, { route });
  };
}

const closings = (who: Joined): number =>
  who.events.seen.filter((event) => event.type === "link" && event.link.state === "closed").length;

async function counted(who: Joined, name: string, label: string): Promise<number> {
  const samples = await who.device.metrics();
  return samples.find((sample) => sample.name === name && Object.values(sample.labels).includes(label))?.value ?? 0;
}

const onDirect = (who: Joined): Promise<unknown> =>
  who.events.first("link", ({ link }) => link.state === "open" && link.path === "direct");

/** Two devices with a link through TURN. */
async function linkedByTurn(scope: MeshScope): Promise<readonly [Joined, Joined]> {
  const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
  throughTurn(alice, 1);
  throughTurn(bob, 1);
  expect(await alice.device.connect("@bob")).toMatchObject({ path: "turn", reason: "turn-no-direct-pair" });
  await bob.events.link("open");
  return [alice, bob];
}

describe("a link through TURN", () => {
  it("gives way to a direct one in the middle of a stream: nothing lost, doubled, out of order or stopped", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = await linkedByTurn(scope);
    const messages = new Messages(bob.device);
    const live: string[] = [];
    bob.device.onStream(({ body }) => void live.push(new TextDecoder().decode(body)));
    const stream = await alice.device.stream("@bob");
    const send = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index++) {
        while (!stream.write(new TextEncoder().encode(`live ${index}`))) await stream.room();
        await alice.device.send("@bob", `message ${index}`);
      }
    };
    await send(0, 100);
    alice.links.changeNetwork();
    await Promise.all([send(100, 600), onDirect(alice), onDirect(bob)]);
    await send(600, 700);
    await messages.count(700);
    await until(() => live.length === 700);
    expect(messages.texts).toEqual(numbered("message", 700));
    expect(live).toEqual(numbered("live", 700));
    expect([closings(alice), closings(bob)]).toEqual([0, 0]);
    expect(await counted(alice, "link_upgrades", "direct")).toBe(1);
    // The earlier one is listened on a little longer.
    await until(() => alice.links.open.length === 1 && bob.links.open.length === 1);
    expect([closings(alice), closings(bob)]).toEqual([0, 0]);
    expect(alice.device.links()).toMatchObject([{ path: "direct", reason: "direct-link" }]);
  });

  it("gives way to one direct link when both sides try in the same tick, round after round", async () => {
    await using scope = await MeshScope.start();
    for (let round = 0; round < 10; round++) {
      const [alice, bob] = [await scope.join(`alice${round}`), await scope.join(`bob${round}`)];
      throughTurn(alice, 1);
      throughTurn(bob, 1);
      await alice.device.connect(bob.device.member);
      await bob.events.link("open");
      alice.links.changeNetwork();
      bob.links.changeNetwork();
      await Promise.all([onDirect(alice), onDirect(bob)]);
      expect(await alice.device.ping(bob.device.member)).toMatchObject({ path: "direct" });
      expect(await bob.device.ping(alice.device.member)).toMatchObject({ path: "direct" });
      expect([closings(alice), closings(bob)]).toEqual([0, 0]);
    }
  });

  it("stays when the attempt beside it goes through TURN again", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    throughTurn(alice, 10);
    throughTurn(bob, 10);
    await alice.device.connect("@bob");
    await bob.events.link("open");
    const messages = new Messages(bob.device);
    const [first] = alice.links.open;
    alice.links.changeNetwork();
    await until(async () => (await counted(alice, "link_failures", "only-turn")) === 1);
    await until(() => bob.links.open.length === 1);
    await alice.device.send("@bob", "still here");
    await messages.count(1);
    expect(messages.all[0]?.path).toBe("turn");
    expect(alice.links.open).toEqual([first]);
    expect([closings(alice), closings(bob)]).toEqual([0, 0]);
  });
});

describe("a link that is direct", () => {
  it("is asked, and not replaced, when the network changes", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    await alice.device.connect("@bob");
    await bob.events.link("open");
    alice.links.changeNetwork();
    await alice.device.ping("@bob");
    expect([alice.links.links.length, closings(alice)]).toEqual([1, 0]);
  });
});

describe("a link that carries nothing any more", () => {
  it("is given up in about a second: the next message is through within two, and the next link comes by itself", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const cut = { isCut: false };
    for (const { links } of [alice, bob])
      links.wrap = (link) => changed(link, { send: (bytes) => (cut.isCut ? true : link.send(bytes)) });
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    for (const text of numbered("before", 50)) await alice.device.send("@bob", text);
    await messages.count(50);
    cut.isCut = true;
    for (const { links } of [alice, bob]) links.wrap = (link) => link;
    const at = performance.now();
    const from = alice.events.seen.length;
    for (const text of numbered("after", 50)) await alice.device.send("@bob", text);
    await messages.count(51);
    expect(performance.now() - at).toBeLessThan(2000);
    const closed = await alice.events.link("closed", from);
    expect(closed.reason).toContain("unanswered");
    expect(closed.link.lastFailure).toBe("unanswered");
    await alice.events.link("open", from);
    await messages.count(100);
    expect(messages.texts).toEqual([...numbered("before", 50), ...numbered("after", 50)]);
    expect(await counted(alice, "links_closed", "unanswered")).toBe(1);
  });

  it("is found out when the network changes, without a message that gets lost in it", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const cut = { isCut: false };
    bob.links.wrap = (link) => changed(link, { send: (bytes) => (cut.isCut ? true : link.send(bytes)) });
    await alice.device.connect("@bob");
    await bob.events.link("open");
    // What is under way when the question is asked would pass for an answer.
    await bob.device.ping("@alice");
    await alice.device.ping("@bob");
    cut.isCut = true;
    const from = alice.events.seen.length;
    alice.links.changeNetwork();
    expect((await alice.events.link("closed", from)).reason).toContain("unanswered");
  });
});

describe("a device that makes no links", () => {
  it("says so to whoever dials it", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    await expect(alice.device.connect("@bob")).rejects.toMatchObject({
      code: "path_unavailable",
      message: expect.stringContaining("makes no links"),
    });
    const messages = new Messages(bob.device);
    await alice.device.send("@bob", "by relay");
    await messages.count(1);
    expect(alice.links.links).toHaveLength(1);
  });
});
