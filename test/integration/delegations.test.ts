import type { IncomingTask } from "@parley/client";
import { createSigner, peekStatement, signStatement } from "@parley/core";
import { limits, type PolicyDocument, type Statement, toParleyError } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

interface Scene extends AsyncDisposable {
  readonly scope: MeshScope;
  readonly alice: Joined;
  readonly planner: Joined;
  readonly searcher: Joined;
  readonly reader: Joined;
  /** What the searcher was asked. */
  readonly tasks: IncomingTask[];
}

/** Only @alice may have anything searched or read; the planner and the searcher see each other. */
const rules: PolicyDocument["rules"] = [
  { allow: ["see", "message"] },
  { allow: ["call"], who: ["@alice"] },
  { allow: ["see", "call", "message", "post", "invite", "approve"], who: ["role:operator"] },
];

async function scene(): Promise<Scene> {
  const scope = await MeshScope.start();
  const names = ["alice", "planner", "searcher", "reader"];
  const [alice, planner, searcher, reader] = (await Promise.all(names.map((name) => scope.join(name)))) as [
    Joined,
    Joined,
    Joined,
    Joined,
  ];
  const tasks: IncomingTask[] = [];
  searcher.device.serve(async (task) => {
    tasks.push(task);
    if (task.input === "for ever")
      await new Promise((_, reject) =>
        task.signal.addEventListener("abort", () => reject(task.signal.reason as Error)),
      );
    return "found";
  });
  reader.device.serve((task) => {
    tasks.push(task);
    return Promise.resolve("read");
  });
  planner.device.serve(async (task) => {
    const run = await planner.device.delegate("@searcher", {
      skill: "search",
      input: task.input,
      ...(task.mandate === undefined ? {} : { chain: task.mandate }),
    });
    return (await run.outcome).output;
  });
  await searcher.device.publishCard(testCard(searcher.device, [{ id: "search" }]));
  await reader.device.publishCard(testCard(reader.device, [{ id: "read" }]));
  await planner.device.publishCard(testCard(planner.device, [{ id: "plan" }]));
  const number = await scope.mesh.orders.publishPolicy({ rules });
  for (const { joined } of [alice, planner, searcher, reader])
    await until(() => joined.trust.orderNumbers.policy === number);
  return { scope, alice, planner, searcher, reader, tasks, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
}

/** What a call of the searcher with this chain ends with. */
async function refusal(planner: Joined, chain: readonly string[]): Promise<unknown> {
  const run = await planner.device.delegate("@searcher", { skill: "search", input: 1, chain });
  return run.outcome.then(
    () => "done",
    (error: unknown) => toParleyError(error).code,
  );
}

describe("a delegation", () => {
  it("lets an agent do for somebody what it may not do for itself", async () => {
    await using mesh = await scene();
    const { alice, planner, tasks } = mesh;
    await expect(planner.device.delegate("@searcher", { skill: "search" })).rejects.toMatchObject({
      code: "denied_by_policy",
    });
    const without = await alice.device.delegate("@planner", { skill: "plan", input: 1 });
    await expect(without.outcome).rejects.toMatchObject({ code: "denied_by_policy" });
    const run = await alice.device.delegate("@planner", { skill: "plan", input: 2, mandate: { skills: ["search"] } });
    expect(await run.outcome).toMatchObject({ output: "found" });
    expect(tasks).toHaveLength(1);
    expect(tasks[0]).toMatchObject({
      from: { name: "planner" },
      actsFor: { name: "alice", through: [], sub: undefined },
    });
  });

  it("may be passed on, and only narrows on the way", async () => {
    await using mesh = await scene();
    const { alice, planner, searcher, tasks } = mesh;
    const first = await alice.device.delegations.give("@planner", { skills: ["search", "read*"] });
    const second = await planner.device.delegations.give("@searcher", { skills: ["read"] }, first);
    const run = await searcher.device.delegate("@reader", { skill: "read", chain: second });
    expect(await run.outcome).toMatchObject({ output: "read" });
    expect(tasks.at(-1)).toMatchObject({ actsFor: { name: "alice", through: [{ name: "planner" }] } });
    await expect(planner.device.delegations.give("@searcher", { skills: ["delete"] }, first)).rejects.toMatchObject({
      code: "bad_delegation",
    });
    await expect(searcher.device.delegations.give("@reader", { skills: ["read"] }, first)).rejects.toMatchObject({
      code: "bad_delegation",
    });
  });

  it("that is altered, widened, over, for another or of a stranger is refused", async () => {
    await using mesh = await scene();
    const { alice, planner, searcher } = mesh;
    const [good = ""] = await alice.device.delegations.give("@planner", { skills: ["search"] });
    expect(await refusal(planner, [good])).toBe("done");
    const { signer: _, ...link } = peekStatement("delegation", good);
    const forged = (change: Partial<Statement<"delegation">>, by = alice): Promise<string> =>
      signStatement("delegation", { ...link, ...change }, by.identity.device);
    const now = Date.now();
    expect(await refusal(planner, [await forged({}, planner)])).toBe("bad_delegation");
    expect(await refusal(planner, [await forged({ skills: ["read"] })])).toBe("bad_delegation");
    expect(await refusal(planner, [await forged({ exp: now - 5000, iat: now - 9000 })])).toBe("bad_delegation");
    expect(await refusal(planner, [await forged({ exp: now + limits.delegationLifeMs * 2 })])).toBe("bad_delegation");
    expect(await refusal(planner, [await forged({ to: searcher.device.member })])).toBe("bad_delegation");
    expect(await refusal(planner, [await signStatement("delegation", link, await createSigner("device"))])).toBe(
      "bad_delegation",
    );
    expect(await refusal(planner, [`${good.slice(0, -8)}AAAAAAAA`])).toBe("bad_signature");
    // A second link that is wider, longer, or follows on nothing.
    const wide = await forged({ from: planner.device.member, to: planner.device.member, skills: ["*"] }, planner);
    expect(await refusal(planner, [good, wide])).toBe("bad_delegation");
    const long = await forged({ from: planner.device.member, to: planner.device.member, exp: link.exp + 1 }, planner);
    expect(await refusal(planner, [good, long])).toBe("bad_delegation");
    const loose = await forged({ from: searcher.device.member, to: planner.device.member }, searcher);
    expect(await refusal(planner, [good, loose])).toBe("bad_delegation");
  });

  it("gives nobody what its principal may not do, and no way around a rule that denies", async () => {
    await using mesh = await scene();
    const { scope, alice, planner, searcher } = mesh;
    const [chain = ""] = await searcher.device.delegations.give("@planner", { skills: ["search"] });
    // The searcher itself may call nothing.
    expect(await refusal(planner, [chain])).toBe("denied_by_policy");
    const [mine = ""] = await alice.device.delegations.give("@planner", { skills: ["search"] });
    expect(await refusal(planner, [mine])).toBe("done");
    const number = await scope.mesh.orders.publishPolicy({
      rules: [...rules, { deny: ["call"], who: ["@planner"], skills: ["search"] }],
    });
    await until(() => searcher.joined.trust.orderNumbers.policy === number);
    expect(await refusal(planner, [mine])).toBe("denied_by_policy");
  });

  it("ends at once what is done by it when it is taken back", async () => {
    await using mesh = await scene();
    const { alice, planner, tasks } = mesh;
    const chain = await alice.device.delegations.give("@planner", { skills: ["search"] });
    const run = await planner.device.delegate("@searcher", { skill: "search", input: "for ever", chain });
    await until(() => tasks.length === 1);
    const [given] = await alice.device.delegations.list();
    await alice.device.delegations.withdraw(given?.id ?? "");
    await expect(run.outcome).rejects.toMatchObject({ code: "delegation_withdrawn" });
    expect(await refusal(planner, chain)).toBe("delegation_withdrawn");
    expect(await alice.device.delegations.list()).toMatchObject([{ withdrawn: true }]);
  });

  it("lets a sub-agent call with a key of its own, for one call each", async () => {
    await using mesh = await scene();
    const { alice, tasks } = mesh;
    const sub = await alice.device.delegations.subAgent("scout", { skills: ["search"] });
    const run = await sub.delegate("@searcher", { skill: "search", input: 1 });
    expect(await run.outcome).toMatchObject({ output: "found" });
    expect(tasks.at(-1)).toMatchObject({
      from: { name: "alice" },
      actsFor: { name: "alice", sub: { id: sub.id, label: "scout" } },
    });
    const wrong = await sub.delegate("@reader", { skill: "read" });
    await expect(wrong.outcome).rejects.toMatchObject({ code: "bad_delegation" });
    await sub.end();
    const after = await sub.delegate("@searcher", { skill: "search", input: 1 });
    await expect(after.outcome).rejects.toMatchObject({ code: "delegation_withdrawn" });
  });
});
