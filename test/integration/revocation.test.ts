import { describe, expect, it } from "vitest";

import { Events, MeshScope, Messages, until } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

describe("a revocation", () => {
  it("ends the links of whoever is revoked, and what they try next is refused", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(alice.device);
    await alice.device.connect("@bob");
    await scope.mesh.revoke("bob");
    expect(await alice.events.first("revoked")).toMatchObject({ member: bob.device.member });
    await alice.events.link("closed");
    expect(await bob.events.session("stopped")).toMatchObject({ error: { code: "revoked" } });
    await expect(alice.device.send("@bob", "hello")).rejects.toMatchObject({ code: "revoked" });
    await expect(alice.device.delegate("@bob", { skill: "x" })).rejects.toMatchObject({ code: "revoked" });
    await expect(bob.device.start()).rejects.toMatchObject({ code: "revoked" });
    expect(messages.texts).toEqual([]);
  });

  it("is passed from peer to peer over links when the registry is away or withholds it", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const carol = await scope.join("carol");
    const { device, joined } = await scope.join("bob");
    await device.stop();
    for (const registry of ["withholds", "away"] as const) {
      await using proxy = await RegistryProxy.start(scope.mesh.origin);
      proxy.push = (type) => type !== "order";
      const bob = await scope.opened(joined, { registry: proxy.origin, links: { factory: scope.control() } });
      const events = new Events(bob);
      await bob.start();
      const victim = registry === "withholds" ? carol : await scope.join("dave");
      await bob.connect("@alice");
      await bob.connect(victim.device.member);
      if (registry === "away") await proxy[Symbol.asyncDispose]();
      await scope.mesh.revoke(victim.device.name);
      await events.first("revoked", ({ member }) => member === victim.device.member);
      await events.link("closed");
      expect(joined.trust.isRevoked(victim.device.member)).toBe(true);
      expect(bob.links()).toMatchObject([{ name: "alice" }]);
      expect(await bob.ping("@alice", { paths: ["direct"] })).toMatchObject({ path: "direct" });
      expect([...alice.events.refusals, ...events.refusals]).toEqual([]);
      await bob.stop();
    }
  });

  it("that two peers bring at once is no roll-back", async () => {
    await using scope = await MeshScope.start();
    const members = await Promise.all(["alice", "bob", "dora", "emil"].map((name) => scope.join(name)));
    await scope.join("carol");
    for (const one of members)
      for (const other of members) if (one !== other) await one.device.connect(other.device.member);
    await scope.mesh.revoke("carol");
    for (const { joined } of members) await until(() => joined.trust.orderNumbers.revocations >= 1);
    for (const one of members)
      for (const other of members) if (one !== other) await one.device.ping(other.device.member, { paths: ["direct"] });
    expect(members.flatMap(({ events }) => events.refusals)).toEqual([]);
  });
});
