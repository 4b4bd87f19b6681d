import type { Budget, PolicyDocument } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Events, type Joined, MeshScope, Messages, until } from "./device-fixture.ts";
import { deaf, everything, heedless } from "./heedless.ts";

async function budget(scope: MeshScope, budgets: readonly Budget[], ...who: readonly Joined[]): Promise<void> {
  const document: PolicyDocument = { rules: [everything], budgets: [...budgets] };
  const number = await scope.mesh.orders.publishPolicy(document);
  for (const { joined } of who) await until(() => joined.trust.orderNumbers.policy >= number);
}

const usageOf = async (scope: MeshScope, member: string) =>
  (await scope.mesh.operator.device.request("usage.list", { member })).usage[0];

describe("a budget", () => {
  it("stops a member in its own library, with the time when it may go on", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(bob.device);
    await budget(scope, [{ who: ["@alice"], messages: { hour: 3 } }], alice, bob);
    for (const text of ["one", "two", "three"]) await alice.device.send("@bob", text);
    const before = Date.now();
    const refused = await alice.device.send("@bob", "four").catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "over_budget", data: { until: expect.any(Number) as number } });
    const { until: end } = (refused as { data: { until: number } }).data;
    expect(end - before).toBeGreaterThan(3_000_000);
    expect(end - before).toBeLessThanOrEqual(3_600_000);
    expect(await messages.count(3)).toHaveLength(3);
    // Others go on.
    await bob.device.send("@alice", "fine here");
    await until(async () => ((await usageOf(scope, alice.device.member))?.hour.messages ?? 0) >= 3);
    // Whoever stops by itself is held off by nobody.
    expect(await usageOf(scope, alice.device.member)).not.toHaveProperty("heldUntil");
    await expect(bob.device.request("usage.list", { member: alice.device.member })).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("counts calls and posts with the messages, of all devices of a member, and no answers", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    bob.device.serve(() => Promise.resolve("done"));
    await bob.device.publishCard(testCard(bob.device, [{ id: "work" }]));
    await alice.device.conversations.joinChannel("#general");
    await budget(scope, [{ who: ["kind:agent"], messages: { hour: 20 } }], alice, bob);
    expect(await (await alice.device.delegate("@bob", { skill: "work" })).outcome).toMatchObject({ output: "done" });
    await alice.device.conversations.say("#general", { text: "hello" });
    await alice.device.send("@bob", "hello");
    const counted = async (member: string) => (await usageOf(scope, member))?.hour.messages ?? 0;
    await until(async () => (await counted(alice.device.member)) >= 3);
    expect(await counted(alice.device.member)).toBe(3);
    expect(await counted(bob.device.member)).toBe(0);
  });

  it("is told of by nobody while there is none", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(bob.device);
    await alice.device.send("@bob", "hello");
    await messages.count(1);
    expect((await scope.mesh.operator.device.request("usage.list", {})).usage).toEqual([]);
  });

  it("gives way to another one for a time", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    bob.device.onMessage(() => undefined);
    await budget(scope, [{ who: ["@alice"], messages: { hour: 1 } }], alice, bob);
    await alice.device.send("@bob", "one");
    await expect(alice.device.send("@bob", "two")).rejects.toMatchObject({ code: "over_budget" });
    const number = await scope.mesh.orders.allowForATime({
      who: ["@alice"],
      messages: { hour: 100 },
      until: Date.now() + 60_000,
    });
    await until(() => alice.joined.trust.orderNumbers.policy >= number);
    await until(async () => (await usageOf(scope, alice.device.member))?.heldUntil === undefined);
    await until(async () => {
      const sent = await alice.device.send("@bob", "two").catch(() => undefined);
      return sent !== undefined;
    });
  });

  it("counts what an agent says it used, and says that it is its own word", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    await budget(scope, [{ who: ["@alice"], tokens: { day: 1000 } }], alice, bob);
    await alice.device.reportUsage({ tokens: 999, money: 5 });
    await alice.device.send("@bob", "still fine");
    await expect(alice.device.reportUsage({ tokens: 1 })).rejects.toMatchObject({ code: "over_budget" });
    await expect(alice.device.send("@bob", "over")).rejects.toMatchObject({ code: "over_budget" });
    await until(async () => (await usageOf(scope, alice.device.member))?.day.tokens === 1000);
    await expect(alice.device.reportUsage({ tokens: -1 })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("is remembered by the registry over a restart", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob] = [await scope.join("alice"), await scope.join("bob")];
    const messages = new Messages(bob.device);
    await budget(scope, [{ who: ["@alice"], messages: { hour: 2 } }], alice, bob);
    await alice.device.send("@bob", "one");
    await alice.device.send("@bob", "two");
    await messages.count(2);
    await until(async () => (await usageOf(scope, alice.device.member))?.hour.messages === 2);
    await scope.mesh.stopRegistry();
    await scope.mesh.startRegistry();
    await alice.device.stop();
    const again = await scope.restart(alice.joined);
    await scope.mesh.operator.device.start();
    await until(async () => (await usageOf(scope, alice.device.member))?.hour.messages === 2);
    await until(async () => {
      const error: unknown = await again.device.send("@bob", "three").then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      return (error as { code?: string } | undefined)?.code === "over_budget";
    });
  });

  it("that somebody does not heed costs it its links and its session, and others take nothing of it", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, carol] = [await scope.join("alice"), await scope.join("bob"), await scope.join("carol")];
    const [atAlice, atCarol] = [new Messages(alice.device), new Messages(carol.device)];
    await bob.device.stop();
    const modified = await scope.opened(
      { ...bob.joined, trust: heedless(bob.joined.trust) },
      { links: { factory: scope.control() }, connect: deaf },
    );
    const events = new Events(modified);
    await modified.start();
    await modified.connect("@alice");
    await budget(scope, [{ who: ["@bob"], messages: { hour: 10 } }], alice, carol);
    const from = events.seen.length;
    let count = 0;
    const flood = setInterval(() => {
      for (const to of ["@alice", "@carol"]) modified.send(to, `${++count}`).catch(() => undefined);
    }, 20);
    try {
      await events.link("closed", from);
      expect(await events.session("waiting", from)).toMatchObject({ error: { code: "over_budget" } });
    } finally {
      clearInterval(flood);
    }
    expect(alice.device.links().filter(({ state }) => state === "open")).toEqual([]);
    expect(await usageOf(scope, modified.member)).toMatchObject({ heldUntil: expect.any(Number) as number });
    // Half as much again at most, and what was on its way in half a second.
    expect(atAlice.texts.length + atCarol.texts.length).toBeLessThan(10 + 5 + 60);
  });

  it("holds by what a peer counted itself while the registry is away", async () => {
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
    await budget(scope, [{ who: ["@bob"], messages: { hour: 5 } }], alice);
    await scope.mesh.stopRegistry();
    await alice.events.session("waiting");
    const from = events.seen.length;
    for (let sent = 1; sent <= 6; sent++) await modified.send("@alice", `${sent}`);
    await messages.count(6);
    await modified.send("@alice", "too much");
    await events.link("closed", from);
    expect(messages.texts).toHaveLength(6);
  });

  it("is not used up by what somebody invents about another", async () => {
    await using scope = await MeshScope.start();
    const [alice, bob, liar] = [await scope.join("alice"), await scope.join("bob"), await scope.join("liar")];
    await budget(scope, [{ who: ["@alice"], messages: { hour: 100 } }], alice, bob, liar);
    const { signStatement } = await import("@parley/core");
    const { device } = liar.joined.identity;
    const report = async (number: number, name: typeof device, member = liar.device.member) =>
      liar.device.request("usage.report", {
        usage: await signStatement(
          "usage",
          {
            mesh: liar.joined.trust.mesh,
            member,
            device: device.id,
            number,
            taken: [{ member: alice.device.member, messages: 1_000_000 }],
            iat: Date.now(),
          },
          name,
        ),
      });
    await report(1, device);
    await report(1, device);
    await report(2, device);
    expect(await usageOf(scope, alice.device.member)).toMatchObject({
      hour: { messages: 51 },
      reporters: [{ member: liar.device.member, messages: 51 }],
    });
    await alice.device.send("@bob", "still here");
    // Nor in another's name, nor by another's key.
    await expect(report(3, device, bob.device.member)).rejects.toMatchObject({ code: "forbidden" });
    await expect(report(3, bob.joined.identity.device)).rejects.toMatchObject({ code: "bad_signature" });
  });
});
