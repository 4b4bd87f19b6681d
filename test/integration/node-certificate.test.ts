import { MeshTrust, peekStatement, signStatement } from "@parley/core";
import { expect, it } from "vitest";

import { MeshScope, until } from "./device-fixture.ts";
import { MovedClock } from "./moved-clock.ts";

const day = 86_400_000;

/** The operator certifies the node from and until then, in ms from now. */
async function certify({ mesh }: MeshScope, from: number, to: number): Promise<string> {
  const { device, identity } = mesh.operator;
  const { id: node, publicKey: key } = mesh.nodeKey;
  const now = Date.now();
  if (identity.root === undefined) throw new Error("an operator has its root key");
  const life = { iat: now + from, exp: now + to };
  const certificate = await signStatement("node", { mesh: device.mesh, node, key, ...life }, identity.root);
  await device.request("node.certify", { certificate });
  return certificate;
}

async function servedBy({ mesh }: MeshScope): Promise<string> {
  const { certificate } = (await (await fetch(`${mesh.origin}/node`)).json()) as { certificate: string };
  return certificate;
}

it("is signed anew by an operator's device when less than a third of its life is left", async () => {
  await using scope = await MeshScope.start();
  const near = await certify(scope, -300 * day, 65 * day);
  expect(await servedBy(scope)).toBe(near);
  await scope.mesh.stopRegistry();
  await scope.startRegistry();
  await until(async () => (await servedBy(scope)) !== near);
  expect(peekStatement("node", await servedBy(scope)).exp).toBeGreaterThan(Date.now() + 364 * day);
  const bob = await scope.join("bob");
  expect(bob.device.state).toBe("connected");
});

it("stays as it is while more than a third is left, and for whoever is no operator", async () => {
  await using scope = await MeshScope.start();
  const bob = await scope.join("bob");
  const near = await certify(scope, -200 * day, 165 * day);
  await scope.mesh.stopRegistry();
  await scope.startRegistry();
  await until(() => bob.device.state === "connected");
  await scope.mesh.operator.device.request("ping", {});
  expect(await servedBy(scope)).toBe(near);
  await expect(bob.device.request("node.certify", { certificate: near })).rejects.toMatchObject({ code: "forbidden" });
});

it("reaches a session that outlasts it with the next lease", async () => {
  await using scope = await MeshScope.start();
  const bob = await scope.join("bob");
  const next = await certify(scope, 0, 400 * day);
  expect(await bob.device.request("lease.renew", {})).toMatchObject({ node: next });
});

it("is refused for another key, from another's hand, and when it has ended", async () => {
  await using scope = await MeshScope.start();
  const { mesh } = scope;
  const { device, identity } = mesh.operator;
  const bob = await scope.join("bob");
  const iat = Date.now();
  const { id: node, publicKey: key } = mesh.nodeKey;
  const [own, bobs] = [identity.root, bob.identity.root];
  if (own === undefined || bobs === undefined) throw new Error("both have their root keys");
  const attempt = async (change: object, by = own): Promise<unknown> =>
    device.request("node.certify", {
      certificate: await signStatement("node", { mesh: device.mesh, node, key, iat, exp: iat + day, ...change }, by),
    });
  await expect(attempt({ key: bob.identity.device.publicKey })).rejects.toMatchObject({
    code: "registry_key_mismatch",
  });
  await expect(attempt({}, bobs)).rejects.toMatchObject({ code: "bad_signature" });
  await expect(attempt({ iat: iat - day, exp: iat - 1 })).rejects.toMatchObject({ code: "expired" });
});

it("lets only operators in once it has run out, and does not renew itself then", async () => {
  const clock = new MovedClock();
  await using scope = await MeshScope.start({ registry: { clock } });
  const bob = await scope.join("bob");
  const old = await certify(scope, -day, 60_000);
  await bob.device.stop();
  await scope.mesh.operator.device.stop();
  clock.moved = 100_000;
  await scope.mesh.stopRegistry();
  await scope.mesh.startRegistry();
  const later = async ({ joined }: Pick<typeof bob, "joined">) => ({
    ...joined,
    trust: await MeshTrust.restore(joined.trust.pins, { now: () => clock.now() }),
  });
  const barred = await scope.opened(await later(bob), { clock });
  await expect(barred.start()).rejects.toMatchObject({ code: "registry_key_mismatch" });
  const operator = await scope.opened(await later(scope.mesh.operator), { clock });
  await operator.start();
  await operator.request("ping", {});
  expect(await servedBy(scope)).toBe(old);
});
