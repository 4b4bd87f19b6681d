import type { MemberEntry } from "@parley/protocol";
import { testCard } from "@parley/testkit";

import { Events, type Joined, MeshScope } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

/** Alice speaks to the registry through somebody who holds its node key and its disk; Bob and Carol are honest. */
export async function hostileScene() {
  const scope = await MeshScope.start();
  const [bob, carol, dave] = [await scope.join("bob"), await scope.join("carol"), await scope.join("dave")];
  await bob.device.publishCard(testCard(bob.device, [{ id: "search" }]));
  await carol.device.publishCard(testCard(carol.device, [{ id: "paint" }]));
  const proxy = await RegistryProxy.start(scope.mesh.origin);
  const { device: honest, joined } = await scope.join("alice");
  await honest.stop();
  const alice = await scope.opened(joined, { registry: proxy.origin, links: { factory: scope.control() } });
  const events = new Events(alice);
  await alice.start();
  const entry = async (of: Joined): Promise<MemberEntry> =>
    scope.mesh.operator.device.request("directory.get", { member: of.device.member });
  return {
    scope,
    bob,
    carol,
    dave,
    proxy,
    joined,
    alice,
    events,
    entry,
    async [Symbol.asyncDispose]() {
      await scope[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
