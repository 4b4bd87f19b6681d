import { MeshTrust } from "@parley/core";
import type { PolicyDocument } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Events, type Joined, MeshScope, Messages, until } from "./device-fixture.ts";
import { everything, heedless } from "./heedless.ts";

/** Publishes a policy and waits until these devices hold it. */
async function publish(scope: MeshScope, rules: PolicyDocument["rules"], ...who: readonly Joined[]): Promise<void> {
  const number = await scope.mesh.orders.publishPolicy({ rules });
  for (const { joined } of who) await until(() => joined.trust.orderNumbers.policy >= number);
}

describe("a policy", () => {
  it("denies a call by the callee, whatever the caller's library says", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    bob.device.serve(() => Promise.resolve("done"));
    await bob.device.publishCard(testCard(bob.device, [{ id: "deploy" }, { id: "status" }]));
    await publish(scope, [everything, { deny: ["call"], who: ["@alice"], skills: ["deploy"] }], alice, bob);
    await expect(alice.device.delegate("@bob", { skill: "deploy" })).rejects.toMatchObject({
      code: "denied_by_policy",
      message: expect.stringContaining("rule 2") as string,
    });
    await alice.device.stop();
    const modified = await scope.opened({ ...alice.joined, trust: heedless(alice.joined.trust) });
    await modified.start();
    const run = await modified.delegate("@bob", { skill: "deploy" });
    await expect(run.outcome).rejects.toMatchObject({ code: "denied_by_policy" });
    const allowed = await modified.delegate("@bob", { skill: "status" });
    expect(await allowed.outcome).toMatchObject({ output: "done" });
  });

  it("denies messages by relay, by mailbox and by link", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(bob.device);
    await alice.device.stop();
    const modified = await scope.opened(
      { ...alice.joined, trust: heedless(alice.joined.trust) },
      { links: { factory: scope.control() } },
    );
    const events = new Events(modified);
    await modified.start();
    await modified.connect("@bob");
    await publish(scope, [everything, { deny: ["message"], who: ["@alice"] }], bob);
    const byLink = await modified.send("@bob", "by link");
    expect(await byLink.settled).toMatchObject({ state: "refused", error: { code: "denied_by_policy" } });
    // Nothing at all may pass, nor for somebody else: the registry carries no frame, and the link goes.
    await publish(scope, [{ allow: ["see"] }, { deny: ["call"] }], bob);
    await events.link("closed");
    const byRelay = await modified.send("@bob", "by relay", { paths: ["relay", "mailbox"] });
    expect(await byRelay.settled).toMatchObject({ state: "refused", error: { code: "denied_by_policy" } });
    expect(messages.texts).toEqual([]);
  });

  it("keeps who may not be seen out of the directory", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, carol] = [await scope.join("alice"), await scope.join("bob"), await scope.join("carol")];
    await publish(
      scope,
      [
        { ...everything, who: ["role:operator"] },
        { allow: ["see", "message"], who: ["@alice"], to: ["@bob"] },
      ],
      alice,
    );
    await expect(alice.device.memberOf("@carol")).rejects.toMatchObject({ code: "unknown_member" });
    const { members } = await alice.device.find({});
    expect(members.map(({ name }) => name).toSorted()).toEqual(["alice", "bob", "op"]);
    // Whoever may be written to sees who writes.
    expect(await bob.device.memberOf("@alice")).toMatchObject({ name: "alice" });
    await expect(carol.device.memberOf("@alice")).rejects.toMatchObject({ code: "unknown_member" });
  });

  it("is obeyed by the registry where posts and invites go", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    await alice.device.conversations.joinChannel("#general");
    await publish(
      scope,
      [everything, { deny: ["post"], who: ["@alice"], channels: ["#general"] }, { deny: ["invite"], who: ["@alice"] }],
      alice,
    );
    await expect(alice.device.request("invite.create", { kind: "code" })).rejects.toMatchObject({
      code: "denied_by_policy",
    });
    await expect(alice.device.conversations.say("#general", { text: "hi" })).rejects.toMatchObject({
      code: "denied_by_policy",
    });
  });

  it("comes first when a device connects, and holds through an outage", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    bob.device.serve(() => Promise.resolve("done"));
    await bob.device.stop();
    await publish(scope, [everything, { deny: ["call"], who: ["@alice"] }], alice);
    const back = await scope.restart(bob.joined);
    back.device.serve(() => Promise.resolve("done"));
    await until(() => back.joined.trust.orderNumbers.policy === 1);
    await back.device.stop();
    const restored = await MeshTrust.restore(structuredClone(back.joined.trust.pins), { now: () => Date.now() });
    expect(restored.policy.number).toBe(1);
  });

  it("is published in its turn only, and by operators only", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const { orders } = scope.mesh;
    expect(await orders.publishPolicy({ rules: [everything] })).toBe(1);
    await until(() => alice.joined.trust.orderNumbers.policy === 1);
    const first = alice.joined.trust.orders.policy ?? "";
    expect(await orders.publishPolicy({ rules: [] })).toBe(2);
    const { device } = scope.mesh.operator;
    await expect(device.request("order.publish", { type: "policy", statement: first })).rejects.toMatchObject({
      code: "stale_statement",
    });
    await expect(alice.device.request("order.publish", { type: "policy", statement: first })).rejects.toMatchObject({
      code: "forbidden",
    });
  });
});

describe("a restriction", () => {
  it("stops whoever is paused, lets messages to it wait, and lets it go on", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    await scope.mesh.orders.restrict([bob.device.member], "paused", { reason: "looks odd" });
    expect(await bob.events.first("restricted")).toMatchObject({
      restriction: { kind: "paused", reason: "looks odd" },
    });
    await alice.events.link("closed");
    await expect(bob.device.send("@alice", "hello")).rejects.toMatchObject({ code: "paused" });
    const sent = await alice.device.send("@bob", "waits");
    await sent.reaches("stored");
    expect(messages.texts).toEqual([]);
    await scope.mesh.orders.lift([bob.device.member], ["paused"]);
    await messages.count(1);
    expect(messages.texts).toEqual(["waits"]);
    await sent.reaches("handled");
    expect((await bob.device.send("@alice", "again")).id).toBeDefined();
  });

  it("lets what was committed before a pause wait, too, and hands it out afterwards", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const first = Promise.withResolvers<void>();
    const messages = new Messages(bob.device, ({ text }) => (text === "one" ? first.promise : undefined));
    await alice.device.send("@bob", "one");
    await messages.count(1);
    const two = await alice.device.send("@bob", "two");
    await two.reaches("delivered");
    await scope.mesh.orders.restrict([bob.device.member], "paused");
    await bob.events.first("restricted");
    first.resolve();
    await scope.mesh.operator.device.request("ping", {});
    expect(messages.texts).toEqual(["one"]);
    await scope.mesh.orders.lift([bob.device.member], ["paused"]);
    await messages.count(2);
    expect(messages.texts).toEqual(["one", "two"]);
  });

  it("refuses new tasks of a paused agent while those at work go on", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    bob.device.serve(async () => {
      begun.resolve();
      await end.promise;
      return "done";
    });
    await bob.device.publishCard(testCard(bob.device, [{ id: "work" }]));
    const run = await alice.device.delegate("@bob", { skill: "work" });
    await begun.promise;
    await scope.mesh.orders.restrict([bob.device.member], "paused");
    await bob.events.first("restricted");
    await until(() => alice.joined.trust.orderNumbers.restrictions === 1);
    await expect(alice.device.delegate("@bob", { skill: "work" }).then((other) => other.outcome)).rejects.toMatchObject(
      { code: "paused" },
    );
    await scope.mesh.orders.lift([bob.device.member], ["paused"]);
    end.resolve();
    expect(await run.outcome).toMatchObject({ output: "done" });
  });

  it("of a kick ends sessions once", async () => {
    await using scope = await MeshScope.start();
    const bob = await scope.join("bob");
    const { device } = scope.mesh.operator;
    const from = bob.events.seen.length;
    expect(await device.request("member.kick", { member: bob.device.member })).toEqual({ sessions: 1 });
    expect(await bob.events.session("waiting", from)).toMatchObject({ error: { code: "kicked" } });
    await bob.events.session("connected", from);
    await expect(bob.device.request("member.kick", { member: device.member })).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("that somebody does not heed costs it its links and its session", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(alice.device);
    await bob.device.stop();
    const modified = await scope.opened(
      { ...bob.joined, trust: heedless(bob.joined.trust) },
      { links: { factory: scope.control() } },
    );
    const events = new Events(modified);
    await modified.start();
    await modified.connect("@alice");
    await scope.mesh.orders.restrict([modified.member], "paused");
    await events.link("closed");
    const from = events.seen.length;
    const flood = setInterval(() => void modified.send("@alice", "still here").catch(() => undefined), 20);
    try {
      expect(await events.session("waiting", from)).toMatchObject({ error: { code: "paused" } });
    } finally {
      clearInterval(flood);
    }
    expect(alice.device.links()).toEqual([]);
    expect(messages.texts).toEqual([]);
  });

  it("of all agents leaves persons alone", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    await scope.mesh.orders.restrict("agents", "muted");
    for (const { events } of [alice, bob])
      expect(await events.first("restricted")).toMatchObject({ restriction: { kind: "muted" } });
    await expect(alice.device.send("@bob", "hello")).rejects.toMatchObject({ code: "muted" });
    const { device } = scope.mesh.operator;
    expect(await (await device.send("@bob", "hello")).reaches("stored")).toBeDefined();
  });

  it("keeps whoever is banned out until its end", async () => {
    await using scope = await MeshScope.start();
    const bob = await scope.join("bob");
    const until = Date.now() + 2_000;
    await scope.mesh.orders.restrict([bob.device.member], "banned", { until });
    expect(await bob.events.session("waiting")).toMatchObject({ error: { code: "banned" } });
    await bob.events.session("connected", bob.events.seen.length);
    expect(Date.now()).toBeGreaterThanOrEqual(until - 500);
  });
});
