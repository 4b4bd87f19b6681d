import { type Signer, signStatement } from "@parley/core";
import { httpAudience, httpErrorSchema, type Role, routeTable, sessionProtocol } from "@parley/protocol";
import { accessTable } from "@parley/registry";
import { randomId16, type TestIdentity, TestSocket, type WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { KeptTokenKeys } from "./kept-token-keys.ts";
import { MovedClock } from "./moved-clock.ts";
import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

const roles: readonly Role[] = ["operator", "admin", "member", "guest", "observer"];
const dayMs = 86_400_000;
const hash = "ab".repeat(32);
const id16 = "AAAAAAAAAAAAAAAAAAAAAA";

/** Ways in over HTTP, upgrades apart: those are sessions. */
const routes = accessTable.filter(({ via, what }) => via === "http" && what !== "GET /session");
const guarded = routes.filter(({ needs, bySetting }) => Array.isArray(needs) && bySetting !== true);

const kept = new KeptTokenKeys();
let registry: RunningRegistry;
let mesh: WireMesh;
let bob: TestIdentity;
let eve: TestIdentity;

beforeAll(async () => {
  registry = await startRegistry({
    metrics: true,
    tokenKeys: kept,
    bounds: { httpPerSecondOfMember: 1000, plainRequestsPerSecond: 1000 },
  });
  mesh = await registry.claim();
  bob = await mesh.admit("bob");
  eve = await mesh.admit("eve");
});

afterAll(() => registry[Symbol.asyncDispose]());

interface TokenChange {
  readonly mesh?: string;
  readonly device?: string;
  readonly aud?: string;
  readonly iat?: number;
  readonly exp?: number;
}

/** A session token as the registry's node would sign it, or somebody else. Times in ms. */
async function tokenOf(identity: TestIdentity, change: TokenChange = {}, signer?: Signer): Promise<string> {
  const { iat = Date.now(), exp = iat + 60_000, ...rest } = change;
  const from = Math.floor(iat / 1000);
  const own = {
    iss: `parley:${rest.mesh ?? mesh.mesh}`,
    sub: identity.member,
    aud: httpAudience,
    jti: randomId16(),
    iat: from,
    nbf: from,
    exp: Math.floor(exp / 1000),
    mesh: mesh.mesh,
    device: identity.device().id,
    session: randomId16(),
  };
  return signStatement("token", { ...own, ...rest }, signer ?? (await kept.newest()));
}

/** The code of the answer, or its status when it has none. */
async function call(what: string, token?: string, origin = registry.origin): Promise<string> {
  const [method = "", path = ""] = what.split(" ");
  const target = path.replace("{hash}", hash).replace(/\{\w+\}/, id16);
  const isBytes = method === "PUT";
  const hasBody = isBytes || method === "POST";
  const response = await fetch(`${origin}${target}`, {
    method,
    headers: {
      ...(hasBody ? { "content-type": isBytes ? "application/octet-stream" : "application/json" } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(hasBody ? { body: isBytes ? "bytes" : "{}" } : {}),
  });
  const text = await response.text();
  // An answer to HEAD has no body, and the status says as much.
  if (response.ok || text === "") return String(response.status);
  return httpErrorSchema.parse(JSON.parse(text)).error.code;
}

/** Refusals for want of a credential, as a code or, where there is no body, as a status. */
const isUnproven = (outcome: string): boolean => ["unauthenticated", "401"].includes(outcome);
const isForbidden = (outcome: string): boolean => ["forbidden", "403"].includes(outcome);

describe("every HTTP route of the access table", () => {
  it("is in the walk", () => {
    // The page of invite links is no route of the API.
    expect(routes.length).toBe(Object.keys(routeTable).length + 1);
    const open = routes.filter(({ bySetting }) => bySetting === true);
    expect(open.map(({ what }) => what)).toEqual(["GET /metrics"]);
    expect(guarded.length).toBe(Object.values(routeTable).filter(({ access }) => access === "session").length);
  });

  it.each(routes)("$what lets in without a credential only whom its row says", async ({ what, needs, bySetting }) => {
    const outcome = await call(what);
    expect(isUnproven(outcome), `${what}: ${outcome}`).toBe(Array.isArray(needs) && bySetting !== true);
    expect(outcome).not.toBe("internal");
  });

  it.each(routes)(
    "$what asks nobody for a credential that its row does not name, and takes none for more",
    async ({ what, needs }) => {
      const without = await call(what);
      const withToken = await call(what, await tokenOf(bob));
      const isAsExpected = Array.isArray(needs) ? !isUnproven(withToken) : withToken === without;
      expect(isAsExpected, `${what}: ${without}, ${withToken}`).toBe(true);
    },
  );

  it.each(roles)("holds for a member with the role %s", async (role) => {
    const member = await mesh.admit(`http-${role}`, { roles: [role] });
    const token = await tokenOf(member);
    for (const { what, needs } of guarded) {
      const outcome = await call(what, token);
      expect(isForbidden(outcome), `${role} asks ${what}: ${outcome}`).toBe(!needs.includes(role as never));
      expect(isUnproven(outcome), `${role} asks ${what}: ${outcome}`).toBe(false);
    }
  });

  it("takes no token that is expired, early, too long, for another mesh, audience or device, or of another's hand", async () => {
    const now = Date.now();
    const strange = new KeptTokenKeys();
    const stranger = await startRegistry({ tokenKeys: strange });
    const elsewhere = await stranger.claim();
    await (await elsewhere.join("x")).request("token.get", {});
    const wrong: Readonly<Record<string, string>> = {
      expired: await tokenOf(bob, { iat: now - 120_000, exp: now - 1 }),
      early: await tokenOf(bob, { iat: now + 3_600_000, exp: now + 3_660_000 }),
      long: await tokenOf(bob, { iat: now, exp: now + dayMs }),
      mesh: await tokenOf(bob, { mesh: "A".repeat(43) }),
      audience: await tokenOf(bob, { aud: "elsewhere" }),
      device: await tokenOf(bob, { device: eve.device().id }),
      "another node's": await tokenOf(bob, {}, await strange.newest()),
      "the node key's": await tokenOf(bob, {}, registry.nodeKey),
      "its own": await tokenOf(bob, {}, bob.device()),
      altered: `${(await tokenOf(bob)).slice(0, -4)}AAAA`,
      "no token": "a.b.c",
    };
    for (const { what } of guarded)
      for (const [which, token] of Object.entries(wrong))
        expect(isUnproven(await call(what, token)), `${which} at ${what}`).toBe(true);
    await stranger[Symbol.asyncDispose]();
  });

  it("takes no token as something that it is not: a session's proof, a device list, an admission", async () => {
    const others = [await bob.deviceList(mesh.mesh), await mesh.operator.identity.admit(mesh.mesh, bob.member)];
    for (const { what } of guarded)
      for (const other of others) expect(isUnproven(await call(what, other)), `at ${what}`).toBe(true);
  });

  it("gives one member's token nothing of another's: what bob holds stays, and is not counted as eve's", async () => {
    const content = new TextEncoder().encode("sealed by bob");
    const name = Buffer.from(await crypto.subtle.digest("SHA-256", content)).toString("hex");
    const ask = async (method: string, path: string, identity: TestIdentity, body?: Uint8Array<ArrayBuffer>) =>
      fetch(`${registry.origin}${path}`, {
        method,
        headers: { authorization: `Bearer ${await tokenOf(identity)}`, "content-type": "application/octet-stream" },
        ...(body === undefined ? {} : { body }),
      });
    expect((await ask("PUT", `/blobs/${name}`, bob, content)).status).toBe(200);
    expect(await (await ask("DELETE", `/blobs/${name}`, eve)).json()).toEqual({ deleted: false });
    expect(await (await ask("GET", "/blobs", eve)).json()).toMatchObject({ bytes: 0 });
    expect((await ask("GET", `/blobs/${name}`, bob)).status).toBe(200);
  });

  it("takes no token of a member whose admission has expired", async () => {
    const clock = new MovedClock();
    const lateKeys = new KeptTokenKeys();
    await using late = await startRegistry({ clock, tokenKeys: lateKeys });
    const lateMesh = await late.claim();
    const carol = await lateMesh.admit("carol");
    await (await lateMesh.open(carol)).request("token.get", {});
    clock.moved = dayMs + 60_000;
    const iat = clock.now();
    const change = { mesh: lateMesh.mesh, iat, exp: iat + 60_000 };
    const token = await tokenOf(carol, change, await lateKeys.newest());
    for (const { what } of guarded) expect(isUnproven(await call(what, token, late.origin)), `at ${what}`).toBe(true);
    // Nor is there a session for it, however fresh its proof.
    expect(await outcomeOf(lateMesh.open(carol, { session: { iat } }))).toMatch(/^(expired|not_admitted)$/);
  });

  it("takes no token of a member that was revoked, the moment that it is", async () => {
    const dan = await mesh.admit("dan");
    const token = await tokenOf(dan);
    expect(await call("GET /blobs", token)).toBe("200");
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, [dan.member]),
    });
    for (const { what } of guarded) expect(["revoked", "403"]).toContain(await call(what, token));
    expect(await outcomeOf(mesh.open(dan))).toBe("revoked");
  });
});

describe("a session", () => {
  it("is opened for nobody by another member's credential", async () => {
    const forged: Readonly<Record<string, Parameters<typeof mesh.open>[1]>> = {
      "another's member id": { session: { member: bob.member } },
      "another's device id": { session: { device: bob.device().id } },
      "another's device list": { devices: await bob.deviceList(mesh.mesh) },
      "another challenge": { session: { challenge: "A".repeat(43) } },
      "another mesh": { session: { mesh: "A".repeat(43) } },
    };
    for (const [what, change] of Object.entries(forged)) {
      const outcome = await outcomeOf(mesh.open(eve, change));
      const refusals = ["unauthenticated", "bad_signature", "replayed", "wrong_mesh"];
      expect(refusals, `${what}: ${outcome}`).toContain(outcome);
    }
  });

  it("takes no frame and no post in another member's name", async () => {
    const device = await mesh.open(eve);
    device.sendFrame(bob, new Uint8Array([1]), { fromMember: bob.member });
    const end = await Promise.race([
      device.closed.then(({ reason }) => reason),
      device.nextResult().then(({ error }) => error?.code),
    ]);
    expect(end).toMatch(/unauthenticated|forbidden|malformed_frame|bad_signature|invalid_argument/);
    const again = await mesh.open(eve);
    const { channel } = await again.request("channel.join", { name: "general" });
    const { error } = await again.post(channel.channel, { member: bob.member });
    expect(error?.code).toMatch(/unauthenticated|forbidden|bad_signature|invalid_argument/);
  });

  it("is not to be had under another sub-protocol", async () => {
    await expect(TestSocket.open(registry.origin, `${sessionProtocol}.other`)).rejects.toThrow(
      "the upgrade was refused",
    );
  });
});
