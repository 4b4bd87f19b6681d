import { createAgent, defineSkill, runAgent, type RunningAgent } from "@parley/agent";
import { expect, it } from "vitest";
import { z } from "zod";

import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { everything } from "./heedless.ts";

const echo = (word: string) =>
  defineSkill({ id: "echo", access: ["tag:team", "@bob"], input: z.object({}), output: z.string(), run: () => word });

/** A skill whose tasks end when the test says so. */
function slow(word: string, limits = {}) {
  const going: (() => void)[] = [];
  const skill = defineSkill({
    id: "slow",
    limits,
    input: z.object({}),
    output: z.string(),
    run: () => new Promise<string>((resolve) => going.push(() => resolve(word))),
  });
  return { skill, going };
}

const serve = ({ device }: Joined, definition: Partial<Parameters<typeof createAgent>[0]>): Promise<RunningAgent> =>
  runAgent({ agent: createAgent({ name: "worker", skills: [], ...definition }), device, log: () => undefined });

const ask = async ({ device }: Joined, skill: string): Promise<unknown> =>
  (await (await device.delegate("@worker", { skill, input: {} })).outcome).output;

it("a skill lets in whom it names, by name and by the policy's tags, and nobody else", async () => {
  await using scope = await MeshScope.start();
  const [worker, ann, bob, eve] = [
    await scope.join("worker"),
    await scope.join("ann"),
    await scope.join("bob"),
    await scope.join("eve"),
  ];
  await serve(worker, { skills: [echo("heard")] });
  expect(await ask(bob, "echo")).toBe("heard");
  await expect(ask(ann, "echo")).rejects.toMatchObject({ code: "forbidden" });
  const number = await scope.mesh.orders.publishPolicy({ tags: { team: ["@ann"] }, rules: [everything] });
  await until(() => worker.joined.trust.orderNumbers.policy >= number);
  expect(await ask(ann, "echo")).toBe("heard");
  await expect(ask(eve, "echo")).rejects.toMatchObject({ code: "forbidden" });
  await scope.mesh.orders.publishPolicy({ rules: [everything] });
  await until(() => worker.joined.trust.orderNumbers.policy > number);
  await expect(ask(ann, "echo")).rejects.toMatchObject({ code: "forbidden" });
});

it("the manifest only narrows who may call, and the policy of the mesh goes before both", async () => {
  await using scope = await MeshScope.start();
  const [worker, ann, bob] = [await scope.join("worker"), await scope.join("ann"), await scope.join("bob")];
  const narrowed = createAgent({ name: "worker", skills: [echo("heard")] });
  const running = await runAgent({
    agent: {
      ...narrowed,
      manifest: { ...narrowed.manifest, skills: { ...narrowed.manifest.skills, rules: { echo: { access: ["*"] } } } },
    },
    device: worker.device,
    log: () => undefined,
  });
  // A wider list in the manifest opens nothing.
  await expect(ask(ann, "echo")).rejects.toMatchObject({ code: "forbidden" });
  expect(await ask(bob, "echo")).toBe("heard");
  const rules = [everything, { deny: ["call" as const], who: ["@bob"], skills: ["echo"] }];
  const number = await scope.mesh.orders.publishPolicy({ rules });
  await until(() => worker.joined.trust.orderNumbers.policy >= number);
  await expect(ask(bob, "echo")).rejects.toMatchObject({ code: "denied_by_policy" });
  await running.stop();
});

it("a skill takes as many tasks at once and a minute as its limits say, beside the others", async () => {
  await using scope = await MeshScope.start();
  const [worker, ann] = [await scope.join("worker"), await scope.join("ann")];
  const { skill, going } = slow("done", { concurrent: 2 });
  const paced = defineSkill({
    id: "paced",
    limits: { perMinute: 2 },
    input: z.object({}),
    output: z.string(),
    run: () => "ok",
  });
  await serve(worker, { skills: [skill, paced] });
  const two = [ask(ann, "slow"), ask(ann, "slow")];
  await until(() => going.length === 2);
  await expect(ask(ann, "slow")).rejects.toMatchObject({ code: "limit_reached" });
  expect(await ask(ann, "paced")).toBe("ok");
  expect(await ask(ann, "paced")).toBe("ok");
  await expect(ask(ann, "paced")).rejects.toMatchObject({ code: "rate_limited" });
  for (const go of going) go();
  expect(await Promise.all(two)).toEqual(["done", "done"]);
});

it("another version takes over while tasks at work end with the one that they began with", async () => {
  await using scope = await MeshScope.start();
  const [worker, ann] = [await scope.join("worker"), await scope.join("ann")];
  const first = slow("first");
  const running = await serve(worker, { skills: [first.skill] });
  const atWork = ask(ann, "slow");
  await until(() => first.going.length === 1);
  const second = defineSkill({ id: "fast", input: z.object({}), output: z.string(), run: () => "second" });
  await running.replace(createAgent({ name: "worker", skills: [second] }));
  await until(async () => {
    const { card } = await ann.device.memberOf("@worker");
    return card?.skills.map(({ id }) => id).join() === "fast";
  });
  expect(await ask(ann, "fast")).toBe("second");
  await expect(ask(ann, "slow")).rejects.toMatchObject({ code: "card_mismatch" });
  first.going[0]?.();
  expect(await atWork).toBe("first");
});
