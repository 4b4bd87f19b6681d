import { createSigner, MeshTrust, signStatement } from "@parley/core";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Events, MeshScope, until } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";

describe("a session with a hostile registry", () => {
  it("is refused when the registry serves another mesh", async () => {
    await using mesh = await hostileScene();
    await using other = await MeshScope.start();
    const stranger = await mesh.scope.opened(mesh.joined, { registry: other.mesh.origin });
    await expect(stranger.start()).rejects.toMatchObject({ code: "registry_key_mismatch" });
  });

  it("is refused when the registry claims this mesh but holds a key of its own", async () => {
    await using mesh = await hostileScene();
    await using other = await MeshScope.start();
    const { alice, proxy, events } = mesh;
    const key = await createSigner("node");
    const [operator] = [other.mesh.operator.identity.root];
    if (operator === undefined) throw new Error("the operator has its root key");
    const iat = Date.now();
    const certificate = await signStatement(
      "node",
      { mesh: alice.mesh, node: key.id, key: key.publicKey, iat, exp: iat + limits.leaseMs },
      operator,
    );
    proxy.welcome = (welcome) => ({ ...welcome, node: certificate });
    proxy.break();
    expect(await events.session("stopped")).toMatchObject({ error: { code: "registry_key_mismatch" } });
  });

  it("is refused when the welcome answers another proof", async () => {
    await using mesh = await hostileScene();
    const { proxy, events } = mesh;
    let first: unknown;
    proxy.welcome = (welcome) => {
      first ??= welcome["statement"];
      return { ...welcome, statement: first };
    };
    proxy.break();
    await events.session("connected", events.seen.length);
    proxy.break();
    expect(await events.session("stopped")).toMatchObject({ error: { code: "registry_key_mismatch" } });
  });

  it("is refused when the operators are other ones", async () => {
    await using mesh = await hostileScene();
    await using other = await MeshScope.start();
    const { alice, proxy, events } = mesh;
    const chain = [...other.mesh.operator.joined.trust.operators.chain];
    proxy.inject({ type: "operators", body: { operators: chain, certificate: "a.b.c" } });
    await events.refused("registry_key_mismatch");
    expect(alice.state).toBe("connected");
    proxy.welcome = (welcome) => ({ ...welcome, operators: chain });
    proxy.break();
    expect(await events.session("stopped")).toMatchObject({ error: { code: "registry_key_mismatch" } });
  });

  it("is refused by the honest node when the challenge was altered on the way", async () => {
    await using mesh = await hostileScene();
    const { proxy, events } = mesh;
    proxy.challenge = (challenge) => ({ ...challenge, versions: [1, 9] });
    proxy.break();
    expect(await events.session("stopped")).toMatchObject({ error: { code: "replayed" } });
  });

  it("is refused without a common version, and below a version spoken before", async () => {
    await using mesh = await hostileScene();
    const { joined, proxy, scope } = mesh;
    proxy.challenge = (challenge) => ({ ...challenge, versions: [9] });
    const device = await scope.opened(joined, { registry: proxy.origin });
    await expect(device.start()).rejects.toMatchObject({ code: "unsupported_version" });
    proxy.challenge = (challenge) => challenge;
    const trust = await MeshTrust.restore({ ...joined.trust.pins, version: 2 }, { now: () => Date.now() });
    const newer = await scope.opened({ ...joined, trust }, { registry: proxy.origin });
    await expect(newer.start()).rejects.toMatchObject({ code: "version_downgrade" });
  });

  it("is refused when the clocks differ too much", async () => {
    await using mesh = await hostileScene();
    const { joined, proxy, scope } = mesh;
    proxy.challenge = (challenge) => ({ ...challenge, time: Date.now() - limits.clockSkewMs - 60_000 });
    const device = await scope.opened(joined, { registry: proxy.origin });
    await expect(device.start()).rejects.toMatchObject({ code: "clock_skew" });
  });

  it("does not roll the revocations back, and does not forget them", async () => {
    await using mesh = await hostileScene();
    const { joined, proxy, scope, events } = mesh;
    await scope.mesh.revoke("carol");
    await until(() => joined.trust.orderNumbers.revocations >= 1);
    const first = joined.trust.orders.revocations ?? "";
    await scope.mesh.revoke("dave");
    await until(() => joined.trust.orderNumbers.revocations >= 2);
    proxy.inject({ type: "order", body: { type: "revocations", statement: first } });
    await events.refused("stale_statement");
    expect(joined.trust.orderNumbers.revocations).toBe(2);
    proxy.welcome = (welcome) => ({ ...welcome, revocations: first });
    proxy.break();
    expect(await events.session("stopped")).toMatchObject({ error: { code: "stale_statement" } });

    proxy.welcome = (welcome) => Object.fromEntries(Object.entries(welcome).filter(([key]) => key !== "revocations"));
    const forgetful = await scope.opened(joined, { registry: proxy.origin });
    await expect(forgetful.start()).rejects.toMatchObject({ code: "stale_statement" });
  });

  it("does not bring a revoked member back", async () => {
    await using mesh = await hostileScene();
    const { alice, carol, joined, proxy, scope, entry } = mesh;
    const before = await entry(carol);
    await scope.mesh.revoke("carol");
    await until(() => joined.trust.orderNumbers.revocations >= 1);
    proxy.answer = (type) => (type === "directory.get" ? before : undefined);
    await expect(alice.memberOf("@carol")).rejects.toMatchObject({ code: "revoked" });
    await expect(alice.send("@carol", "hello")).rejects.toMatchObject({ code: "revoked" });
  });

  it("ends when the registry speaks nonsense", async () => {
    await using mesh = await hostileScene();
    const { proxy, events, joined, scope } = mesh;
    proxy.inject("not json");
    expect(await events.session("stopped")).toMatchObject({ error: { code: "invalid_argument" } });
    const again = await scope.opened(joined, { registry: proxy.origin });
    const seen = new Events(again);
    await again.start();
    proxy.inject(new Uint8Array([1, 2, 3]));
    await seen.refused("malformed_frame");
    expect(again.state).toBe("connected");
  });
});
