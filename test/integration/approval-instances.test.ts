import { testCard } from "@parley/testkit";
import { expect, it } from "vitest";

import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { deployRules } from "./approval-scene.ts";
import { Events, type Joined, MeshScope, until } from "./device-fixture.ts";

async function another(scope: MeshScope, member: TestMember): Promise<Joined> {
  const links = scope.control();
  const added = await scope.mesh.addDevice(member, { links: { factory: links } });
  return { ...added, links, events: new Events(added.device) };
}

it("an answer reaches the instance of the agent that asked, whichever of them holds the inbox", async () => {
  await using scope = await MeshScope.start();
  const caller = await scope.join("caller");
  const ada = await scope.join("ada", { kind: "person" });
  const first = await scope.join("agent");
  const instances = [first, await another(scope, first), await another(scope, first)];
  const worked: number[] = [];
  for (const [index, { device }] of instances.entries())
    device.serve(() => {
      worked.push(index);
      return Promise.resolve(index);
    });
  await first.device.publishCard(testCard(first.device, [{ id: "deploy" }]));
  const number = await scope.mesh.orders.publishPolicy({ rules: deployRules() });
  for (const { joined } of [caller, ada, ...instances]) await until(() => joined.trust.orderNumbers.policy === number);
  const runs = await Promise.all(
    Array.from({ length: 9 }, (_, input) => caller.device.delegate("@agent", { skill: "deploy", input })),
  );
  // Not all of them at the one that holds the inbox.
  expect(new Set(runs.map(({ to }) => to.device)).size).toBeGreaterThan(1);
  await until(async () => (await ada.device.approvals.list()).length === 9);
  const asked = (await ada.device.approvals.list()).map(({ request }) => request);
  await ada.device.approvals.answer(asked, "granted");
  for (const run of runs) await run.outcome;
  expect(worked).toHaveLength(9);
});
