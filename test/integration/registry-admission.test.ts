import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";

import { errorCodeOfClose } from "@parley/protocol";
import { callRegistry, randomId16, TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { outcomeOf, startRegistry } from "./registry-fixture.ts";

/** Asks to join from an address of the loopback; answers the state or the error's code. */
async function pairFrom(localAddress: string, port: number, body: object): Promise<string> {
  const asking = request({
    host: "127.0.0.1",
    port,
    localAddress,
    method: "POST",
    path: "/pairings",
    headers: { "content-type": "application/json" },
  });
  asking.end(JSON.stringify(body));
  const [response] = (await once(asking, "response")) as [IncomingMessage];
  const answer = (await json(response)) as { state?: string; error?: { code: string } };
  return answer.state ?? answer.error?.code ?? "";
}

describe("claiming a mesh", () => {
  it("takes the one-time secret once", async () => {
    await using registry = await startRegistry();
    const { claimSecret = "" } = registry.registry;
    const mesh = await registry.claim();
    expect(registry.registry.claimSecret).toBeUndefined();
    const eve = await TestIdentity.create("eve");
    const node = { node: registry.nodeKey.id, key: registry.nodeKey.publicKey };
    const { body } = await eve.claim(claimSecret, node);
    await expect(callRegistry(mesh.origin, "POST", "/claim", body)).rejects.toMatchObject({ code: "already_claimed" });
  });

  it("refuses a wrong secret, a certificate for another node and an operator without the roles", async () => {
    await using registry = await startRegistry();
    const { claimSecret = "" } = registry.registry;
    const olivia = await TestIdentity.create("olivia");
    const node = { node: registry.nodeKey.id, key: registry.nodeKey.publicKey };
    const { body, mesh } = await olivia.claim(claimSecret, node);
    const claim = (change: object): Promise<unknown> =>
      callRegistry(registry.origin, "POST", "/claim", { ...body, ...change });
    await expect(claim({ secret: randomId16() })).rejects.toMatchObject({ code: "unauthenticated" });
    const other = await TestIdentity.create("other");
    const { body: foreign } = await olivia.claim(claimSecret, { node: other.root.id, key: other.root.publicKey });
    await expect(callRegistry(registry.origin, "POST", "/claim", foreign)).rejects.toMatchObject({
      code: "registry_key_mismatch",
    });
    await expect(
      claim({ admission: await olivia.admit(mesh, olivia.member, { name: "olivia" }) }),
    ).rejects.toMatchObject({ code: "forbidden" });
    await expect(
      claim({ admission: await other.admit(mesh, olivia.member, { roles: ["operator", "admin"] }) }),
    ).rejects.toMatchObject({ code: "bad_signature" });
    await expect(claim({ genesis: undefined })).rejects.toMatchObject({ code: "invalid_argument" });
    expect(registry.registry.claimSecret).toBe(claimSecret);
  });

  it("lets one of several claims at once win", async () => {
    await using registry = await startRegistry();
    const { claimSecret = "" } = registry.registry;
    const claims = await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        const identity = await TestIdentity.create(`claimer-${index}`);
        const { body } = await identity.claim(claimSecret, {
          node: registry.nodeKey.id,
          key: registry.nodeKey.publicKey,
        });
        return outcomeOf(callRegistry(registry.origin, "POST", "/claim", body));
      }),
    );
    expect(claims.toSorted()).toEqual([
      "already_claimed",
      "already_claimed",
      "already_claimed",
      "already_claimed",
      "done",
    ]);
  });

  it("answers the same claim again, for a device that lost the answer", async () => {
    await using registry = await startRegistry();
    const olivia = await TestIdentity.create("olivia");
    const { body, mesh } = await olivia.claim(registry.registry.claimSecret ?? "", {
      node: registry.nodeKey.id,
      key: registry.nodeKey.publicKey,
    });
    expect(await callRegistry(registry.origin, "POST", "/claim", body)).toMatchObject({ mesh });
    expect(await callRegistry(registry.origin, "POST", "/claim", body)).toMatchObject({ mesh });
  });
});

describe("invites", () => {
  it("are a six-digit code for one member or a link for several, and run out", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const code = await mesh.operator.request("invite.create", { kind: "code" });
    expect(code.secret).toMatch(/^\d{6}$/);
    expect(code.invite).toMatchObject({ uses: 1, used: 0, kind: "code" });
    const link = await mesh.operator.request("invite.create", { kind: "link", uses: 2, label: "team" });
    expect((await mesh.operator.request("invite.list", {})).invites.map(({ invite }) => invite).toSorted()).toEqual(
      [code.invite.invite, link.invite.invite].toSorted(),
    );
    for (const name of ["bob", "carol"])
      expect(await mesh.pair(await TestIdentity.create(name), link.secret)).toMatchObject({ state: "pending" });
    await expect(mesh.pair(await TestIdentity.create("dan"), link.secret)).rejects.toMatchObject({ code: "expired" });
    expect(
      await mesh.pair(await TestIdentity.create("dan"), `${code.secret.slice(0, 3)} ${code.secret.slice(3)}`),
    ).toMatchObject({ state: "pending" });
    await expect(mesh.pair(await TestIdentity.create("erin"), code.secret)).rejects.toMatchObject({ code: "expired" });
    expect((await mesh.operator.request("invite.list", {})).invites).toEqual([]);
  });

  it("give exactly their uses to many who ask at once", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { secret } = await mesh.operator.request("invite.create", { kind: "link", uses: 3 });
    const asked = await Promise.all(
      Array.from({ length: 8 }, async (_, index) =>
        outcomeOf(mesh.pair(await TestIdentity.create(`m${index}`), secret)),
      ),
    );
    expect(asked.filter((state) => state === "done")).toHaveLength(3);
    expect(asked.filter((state) => state === "expired")).toHaveLength(5);
  });

  it("can be canceled, and an unknown one is not a link", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { invite, secret } = await mesh.operator.request("invite.create", { kind: "link" });
    await mesh.operator.request("invite.cancel", { invite: invite.invite });
    const bob = await TestIdentity.create("bob");
    await expect(mesh.pair(bob, secret)).rejects.toMatchObject({ code: "invalid_link" });
    await expect(mesh.pair(bob, "000000")).rejects.toMatchObject({ code: "invalid_link" });
    await expect(mesh.pair(bob, "not-a-secret")).rejects.toMatchObject({ code: "invalid_link" });
    await expect(mesh.operator.request("invite.cancel", { invite: invite.invite })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("are bounded in number and page by page", async () => {
    await using registry = await startRegistry({ bounds: { invites: 3 } });
    const mesh = await registry.claim();
    for (let count = 0; count < 3; count++) await mesh.invite();
    await expect(mesh.invite()).rejects.toMatchObject({ code: "limit_reached" });
    const first = await mesh.operator.request("invite.list", { limit: 2 });
    const rest = await mesh.operator.request("invite.list", { limit: 2, after: first.next });
    expect([first.invites.length, rest.invites.length, rest.next]).toEqual([2, 1, undefined]);
  });

  it("are kept as hashes only", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const { secret } = await mesh.operator.request("invite.create", { kind: "link" });
    const { secret: code } = await mesh.operator.request("invite.create", { kind: "code" });
    const { records } = await registry.stores.records.list("invite/");
    const kept = records.map(({ key, value }) => key + new TextDecoder().decode(value)).join("\n");
    expect(records).toHaveLength(2);
    expect(kept).not.toContain(secret);
    expect(kept).not.toContain(`"${code}"`);
  });
});

describe("a request to join", () => {
  it("reaches the operators at once and is answered the same when it is repeated", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const secret = await mesh.invite();
    const bob = await TestIdentity.create("bob");
    const first = await mesh.pair(bob, secret);
    expect(await mesh.pair(bob, secret)).toEqual(first);
    expect(await mesh.operator.nextPush("pairing.pending")).toMatchObject({ pairing: first.pairing });
    expect((await mesh.operator.request("pairing.list", {})).pending).toMatchObject([{ pairing: first.pairing }]);
  });

  it("waits for news without asking again", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    const { pairing } = await mesh.pair(bob, await mesh.invite());
    const news = callRegistry(mesh.origin, "GET", `/pairings/${pairing}?wait=20`);
    await mesh.approve(pairing, bob);
    expect(await news).toMatchObject({ state: "admitted" });
    await expect(callRegistry(mesh.origin, "GET", `/pairings/${randomId16()}`)).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(callRegistry(mesh.origin, "GET", `/pairings/${pairing}?wait=x`)).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("bounds those who wait for news", async () => {
    await using registry = await startRegistry({ bounds: { pairingWaiters: 1 } });
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    const { pairing } = await mesh.pair(bob, await mesh.invite());
    const both = [1, 2].map(() => outcomeOf(callRegistry(mesh.origin, "GET", `/pairings/${pairing}?wait=20`)));
    expect(await Promise.race(both)).toBe("limit_reached");
    await mesh.approve(pairing, bob);
    expect((await Promise.all(both)).toSorted()).toEqual(["done", "limit_reached"]);
  });

  it("is refused when its statements do not hold", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const secret = await mesh.invite();
    const [bob, eve] = await Promise.all([TestIdentity.create("bob"), TestIdentity.create("eve")]);
    const pair = async (change: Record<string, unknown>): Promise<unknown> =>
      callRegistry(mesh.origin, "POST", "/pairings", {
        secret,
        request: await bob.pairing(mesh.mesh),
        devices: await bob.deviceList(mesh.mesh),
        ...change,
      });
    await expect(pair({ request: await bob.pairing(bob.member) })).rejects.toMatchObject({ code: "wrong_mesh" });
    await expect(pair({ request: await bob.pairing(mesh.mesh, { root: eve.root.publicKey }) })).rejects.toMatchObject({
      code: "bad_signature",
    });
    await expect(pair({ request: await bob.pairing(mesh.mesh, { iat: Date.now() - 130_000 }) })).rejects.toMatchObject({
      code: "clock_skew",
    });
    await expect(pair({ devices: await eve.deviceList(mesh.mesh) })).rejects.toMatchObject({ code: "bad_signature" });
    await expect(pair({ secret: "" })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(pair({ request: await bob.session(mesh.mesh, bob.member) })).rejects.toMatchObject({
      code: "bad_signature",
    });
  });

  it("serves one invite only", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    const request = await bob.pairing(mesh.mesh);
    const devices = await bob.deviceList(mesh.mesh);
    const pair = async (secret: string): Promise<unknown> =>
      callRegistry(mesh.origin, "POST", "/pairings", { secret, request, devices });
    await pair(await mesh.invite());
    await expect(pair(await mesh.invite())).rejects.toMatchObject({ code: "replayed" });
  });

  it("is limited in attempts for each address", async () => {
    await using registry = await startRegistry({ bounds: { pairingTriesPerMinute: 3 } });
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    for (let tries = 0; tries < 3; tries++)
      await expect(mesh.pair(bob, "123456")).rejects.toMatchObject({ code: "invalid_link" });
    await expect(mesh.pair(bob, "123456")).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("takes no code after too many wrong ones from however many addresses, and links all the while", async () => {
    await using registry = await startRegistry({ bounds: { pairingTriesPerMinute: 2, codeFailures: 6 } });
    const mesh = await registry.claim();
    const { secret: code } = await mesh.operator.request("invite.create", { kind: "code" });
    const link = await mesh.invite();
    const [eve, bob] = [await TestIdentity.create("eve"), await TestIdentity.create("bob")];
    const from = async (last: number, identity: TestIdentity, secret: string): Promise<string> =>
      pairFrom(`127.0.0.${last}`, registry.port, {
        secret,
        request: await identity.pairing(mesh.mesh),
        devices: await identity.deviceList(mesh.mesh),
      });
    const outcomes: string[] = [];
    for (let guess = 1; guess <= 10; guess++) {
      const wrong = String((Number(code) + guess) % 1_000_000).padStart(6, "0");
      outcomes.push(await from(10 + guess, eve, wrong));
    }
    expect(outcomes.filter((outcome) => outcome === "invalid_link")).toHaveLength(6);
    expect(outcomes.slice(6)).toEqual(Array(4).fill("rate_limited"));
    expect(await from(50, bob, code)).toBe("rate_limited");
    expect(await from(50, bob, link)).toBe("pending");
  });

  it("is bounded in number", async () => {
    await using registry = await startRegistry({ bounds: { pendingPairings: 2 } });
    const mesh = await registry.claim();
    const { secret } = await mesh.operator.request("invite.create", { kind: "link", uses: 5 });
    for (const name of ["bob", "carol"]) await mesh.pair(await TestIdentity.create(name), secret);
    await expect(mesh.pair(await TestIdentity.create("dan"), secret)).rejects.toMatchObject({ code: "limit_reached" });
  });
});

describe("approval", () => {
  it("needs an operator's signature, for the member that asks", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, eve] = await Promise.all([TestIdentity.create("bob"), TestIdentity.create("eve")]);
    const { pairing } = await mesh.pair(bob, await mesh.invite());
    const approve = async (admission: string): Promise<unknown> =>
      mesh.operator.request("pairing.approve", { pairing, admission });
    await expect(approve(await eve.admit(mesh.mesh, bob.member))).rejects.toMatchObject({ code: "bad_signature" });
    await expect(approve(await mesh.operator.identity.admit(mesh.mesh, eve.member))).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(approve(await mesh.operator.identity.admit(eve.member, bob.member))).rejects.toMatchObject({
      code: "wrong_mesh",
    });
    await expect(
      approve(await mesh.operator.identity.admit(mesh.mesh, bob.member, { exp: Date.now() - 1 })),
    ).rejects.toMatchObject({ code: "expired" });
    await expect(
      mesh.operator.request("pairing.approve", {
        pairing: randomId16(),
        admission: await mesh.operator.identity.admit(mesh.mesh, bob.member),
      }),
    ).rejects.toMatchObject({ code: "not_found" });
    await mesh.approve(pairing, bob);
    expect((await mesh.operator.request("pairing.list", {})).pending).toEqual([]);
  });

  it("keeps names apart that look the same", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    await mesh.admit("bob");
    await expect(mesh.pair(await TestIdentity.create("b0b"), await mesh.invite())).rejects.toMatchObject({
      code: "name_taken",
    });
    const [one, two] = await Promise.all([TestIdentity.create("carol-1"), TestIdentity.create("carol_l")]);
    const first = await mesh.pair(one, await mesh.invite());
    const second = await mesh.pair(two, await mesh.invite());
    await mesh.approve(first.pairing, one);
    await expect(mesh.approve(second.pairing, two)).rejects.toMatchObject({ code: "name_taken" });
    await mesh.approve(
      second.pairing,
      await TestIdentity.create("carol-2").then((named) => Object.assign(Object.create(two), { name: named.name })),
    );
    expect(await mesh.operator.request("directory.get", { name: "carol-2" })).toHaveProperty("record");
  });

  it("is one decision: approving and rejecting at once leaves one of them", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    for (let round = 0; round < 5; round++) {
      const member = await TestIdentity.create(`member-${round}x`);
      const { pairing } = await mesh.pair(member, await mesh.invite());
      const [approved, rejected] = await Promise.allSettled([
        mesh.approve(pairing, member),
        mesh.operator.request("pairing.reject", { pairing }),
      ]);
      const { state } = await callRegistry<{ state: string }>(mesh.origin, "GET", `/pairings/${pairing}`);
      expect([approved.status, rejected.status, state]).toEqual(
        state === "admitted" ? ["fulfilled", "rejected", "admitted"] : ["rejected", "fulfilled", "rejected"],
      );
      const found = await outcomeOf(mesh.operator.request("directory.get", { member: member.member }));
      expect(found).toBe(state === "admitted" ? "done" : "unknown_member");
    }
  });

  it("can be repeated, and a member that is in does not pair again", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await TestIdentity.create("bob");
    const { pairing } = await mesh.pair(bob, await mesh.invite());
    const admission = await mesh.operator.identity.admit(mesh.mesh, bob.member, { name: "bob" });
    await mesh.operator.request("pairing.approve", { pairing, admission });
    await mesh.operator.request("pairing.approve", { pairing, admission });
    await expect(mesh.approve(pairing, bob)).rejects.toMatchObject({ code: "conflict" });
    await expect(mesh.pair(bob, await mesh.invite())).rejects.toMatchObject({ code: "already_exists" });
  });
});

describe("revocation", () => {
  it("is told to everybody, closes the member's sessions and frees its name", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    const revocations = await mesh.operator.identity.revoke(mesh.mesh, 1, [bob.identity.member]);
    await mesh.operator.request("order.publish", { type: "revocations", statement: revocations });
    expect(await bob.nextPush("order")).toEqual({ type: "revocations", statement: revocations });
    expect(await carol.nextPush("order")).toEqual({ type: "revocations", statement: revocations });
    expect(errorCodeOfClose((await bob.closed).code)).toBe("revoked");
    await expect(mesh.open(bob.identity)).rejects.toMatchObject({ code: "revoked" });
    await expect(mesh.pair(bob.identity, await mesh.invite())).rejects.toMatchObject({ code: "revoked" });
    await expect(carol.request("directory.get", { name: "bob" })).rejects.toMatchObject({ code: "unknown_member" });
    carol.sendFrame(bob.identity, new Uint8Array([1]), { store: true });
    expect(await carol.nextResult()).toMatchObject({ state: "refused", error: { code: "unknown_member" } });
    const next = await mesh.join("bob");
    expect(await carol.request("directory.get", { name: "bob" })).toMatchObject({
      record: { root: next.identity.root.publicKey },
    });
    expect(next.welcome.revocations).toBe(revocations);
  });

  it("takes the next list only: numbered on, by an operator, with nobody left out", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.admit("bob"), await mesh.admit("carol")];
    const { identity } = mesh.operator;
    const publish = async (revocations: Promise<string>): Promise<unknown> =>
      mesh.operator.request("order.publish", { type: "revocations", statement: await revocations });
    await expect(publish(identity.revoke(mesh.mesh, 2, [bob.member]))).rejects.toMatchObject({
      code: "stale_statement",
    });
    await expect(publish(bob.revoke(mesh.mesh, 1, [carol.member]))).rejects.toMatchObject({ code: "bad_signature" });
    await expect(publish(identity.revoke(mesh.mesh, 1, [identity.member]))).rejects.toMatchObject({
      code: "forbidden",
    });
    await publish(identity.revoke(mesh.mesh, 1, [bob.member]));
    await expect(publish(identity.revoke(mesh.mesh, 1, [carol.member]))).rejects.toMatchObject({
      code: "stale_statement",
    });
    await expect(publish(identity.revoke(mesh.mesh, 2, [carol.member]))).rejects.toMatchObject({
      code: "stale_statement",
    });
    await publish(identity.revoke(mesh.mesh, 2, [bob.member, carol.member]));
    expect((await mesh.operator.request("directory.find", {})).members).toHaveLength(1);
  });
});
