import { createAgent, defineSkill, runAgent } from "@parley/agent";
import { type DeviceEvent, HeldLease, takeLease } from "@parley/client";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

const resource = "file:src/main.ts";

/** What a device hears of resources. */
function heard({ device }: Joined): Extract<DeviceEvent, { type: "resource" }>[] {
  const events: Extract<DeviceEvent, { type: "resource" }>[] = [];
  device.watch((event) => void (event.type === "resource" && events.push(event)));
  return events;
}

const three = async (scope: MeshScope): Promise<readonly [Joined, Joined, Joined]> => [
  await scope.join("ann"),
  await scope.join("bob"),
  await scope.join("ada", { kind: "person" }),
];

describe("an advisory lease", () => {
  it("has one holder, whose name, note and end the others see", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const lease = await takeLease(ann.device, resource, { forMs: 60_000, note: "refactoring" });
    expect(lease).toMatchObject({ resource, name: "ann", device: ann.device.device, note: "refactoring" });
    await expect(takeLease(bob.device, resource)).rejects.toMatchObject({
      code: "lease_held",
      message: expect.stringMatching(/@ann holds file:src\/main\.ts until .*refactoring/) as string,
      data: { member: ann.device.member, until: lease.until },
    });
    expect(await bob.device.request("resource.list", {})).toEqual({ leases: [lease] });
    // Not even the holder's own device takes it twice: another program of it may be at work.
    await expect(takeLease(ann.device, resource)).rejects.toMatchObject({ code: "lease_held" });
  });

  it("goes to one of many that want it at the same moment, and generations only grow", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const generations: number[] = [];
    for (let round = 0; round < 5; round++) {
      const tries = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => takeLease((index % 2 === 0 ? ann : bob).device, resource)),
      );
      const won = tries.filter((each) => each.status === "fulfilled");
      expect(won).toHaveLength(1);
      const lease = won[0]?.value;
      generations.push(lease?.generation ?? 0);
      await (lease?.name === "ann" ? ann : bob).device.request("resource.release", { resource });
    }
    expect(generations).toEqual([...new Set(generations)].toSorted((one, other) => one - other));
  });

  it("is waited for, and comes when it is given back", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const held = await HeldLease.take(ann.device, resource, { forMs: 60_000 });
    const waiting = takeLease(bob.device, resource, { waitMs: 30_000 });
    await held.release();
    expect(await waiting).toMatchObject({ name: "bob" });
    expect(held.signal.aborted).toBe(true);
  });

  it("is taken over when it ran out, and its earlier holder can do nothing with it any more", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const early = await takeLease(ann.device, resource, { forMs: 1_000 });
    const late = await takeLease(bob.device, resource, { waitMs: 30_000 });
    expect(late.generation).toBeGreaterThan(early.generation);
    const { generation } = early;
    const lost = { code: "lease_lost" };
    await expect(ann.device.request("resource.renew", { resource, generation, lifeMs: 1000 })).rejects.toMatchObject(
      lost,
    );
    await expect(ann.device.request("resource.release", { resource, generation })).rejects.toMatchObject(lost);
    // Nor under the other's generation.
    const stolen = { resource, generation: late.generation, lifeMs: 1000 };
    await expect(ann.device.request("resource.renew", stolen)).rejects.toMatchObject(lost);
    await expect(ann.device.request("resource.release", { resource })).rejects.toMatchObject(lost);
  });

  it("is renewed while it is held on, long beyond one life", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const held = await HeldLease.take(ann.device, resource, { forMs: 1_000 });
    const first = held.lease.until;
    await until(() => held.lease.until > first + 1_500);
    await expect(takeLease(bob.device, resource)).rejects.toMatchObject({ code: "lease_held" });
    expect(held.signal.aborted).toBe(false);
    await held.release();
  });

  it("is broken by a person, not by an agent; its holder hears of it at once", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob, ada] = await three(scope);
    const events = heard(ann);
    const held = await HeldLease.take(ann.device, resource, { forMs: 3_000 });
    await expect(bob.device.request("resource.break", { resource })).rejects.toMatchObject({ code: "lease_held" });
    expect(await ada.device.request("resource.break", { resource })).toMatchObject({ lease: { name: "ann" } });
    await until(() => events.some(({ free }) => free === "broken"));
    await until(() => held.signal.aborted);
    expect(held.signal.reason).toMatchObject({ code: "lease_lost" });
    await expect(ada.device.request("resource.break", { resource })).rejects.toMatchObject({ code: "lease_lost" });
  });

  it("is what those who watch hear of: taken, released, expired", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const events = heard(bob);
    expect(await bob.device.request("resource.watch", { resource })).toEqual({});
    await takeLease(ann.device, "other");
    await takeLease(ann.device, resource, { forMs: 60_000 });
    await ann.device.request("resource.release", { resource });
    await takeLease(ann.device, resource, { forMs: 1_000 });
    await until(() => events.some(({ free }) => free === "expired"));
    expect(events.map(({ lease, free }) => lease?.name ?? free)).toEqual(["ann", "released", "ann", "expired"]);
    expect(events.every((event) => event.resource === resource)).toBe(true);
  });

  it("has names and numbers in bounds", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const longest = "x".repeat(limits.resourceNameCharacters);
    expect(await takeLease(ann.device, longest)).toMatchObject({ resource: longest });
    for (const wrong of [`${longest}x`, "", "a\nb", "a\u202Eb"])
      await expect(takeLease(ann.device, wrong)).rejects.toMatchObject({ code: "invalid_argument" });
    for (const wrong of [999, limits.resourceLeaseMs + 1])
      await expect(takeLease(ann.device, "life", { forMs: wrong })).rejects.toMatchObject({ code: "invalid_argument" });
    for (let count = 1; count < limits.resourceLeases; count++) await takeLease(ann.device, `r${count}`);
    await expect(takeLease(ann.device, "one more")).rejects.toMatchObject({ code: "limit_reached" });
    await takeLease(bob.device, "one more");
    await ann.device.request("resource.release", { resource: "r1" });
    await takeLease(ann.device, "in its place");
    const { leases, next } = await bob.device.request("resource.list", { prefix: "r", limit: 10 });
    expect(leases).toHaveLength(10);
    const rest = await bob.device.request("resource.list", { prefix: "r", limit: 10, after: next ?? "" });
    expect(rest.leases[0]?.resource).not.toBe(leases.at(-1)?.resource);
  });

  it("is held by a skill while it works, and ends with it", async () => {
    await using scope = await MeshScope.start();
    const [ann, bob] = await three(scope);
    const going = Promise.withResolvers<void>();
    const edit = defineSkill({
      id: "edit",
      input: z.object({}),
      output: z.number(),
      run: async (_, { mesh }) => {
        await using lease = await mesh.lease(resource, { note: "editing" });
        await going.promise;
        return lease.generation;
      },
    });
    await runAgent({ agent: createAgent({ name: "ann", skills: [edit] }), device: ann.device, log: () => undefined });
    const run = await bob.device.delegate("@ann", { skill: "edit", input: {} });
    await until(async () => (await bob.device.request("resource.list", {})).leases.length === 1);
    await expect(takeLease(bob.device, resource)).rejects.toMatchObject({ code: "lease_held" });
    going.resolve();
    expect((await run.outcome).output).toEqual(expect.any(Number));
    expect(await takeLease(bob.device, resource)).toMatchObject({ name: "bob" });
  });
});
