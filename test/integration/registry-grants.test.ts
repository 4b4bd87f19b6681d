import { createSigner, deriveInviteKeys, type InviteKeys, signStatement } from "@parley/core";
import { limits, type PairingState, type Statement, toBase64url } from "@parley/protocol";
import { callRegistry, randomId16, TestIdentity, type WireMesh } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { MovedClock } from "./moved-clock.ts";
import { outcomeOf, startRegistry } from "./registry-fixture.ts";

const dayMs = 86_400_000;

/** A pre-approved link on a running registry, and whoever holds its secret. */
class ApprovedLink {
  readonly mesh: WireMesh;
  readonly keys: InviteKeys;
  readonly compact: string;
  readonly grant: Statement<"grant">;

  private constructor(mesh: WireMesh, keys: InviteKeys, compact: string, grant: Statement<"grant">) {
    this.mesh = mesh;
    this.keys = keys;
    this.compact = compact;
    this.grant = grant;
  }

  static async open(mesh: WireMesh, change: Partial<Statement<"grant">> = {}): Promise<ApprovedLink> {
    const keys = await deriveInviteKeys(toBase64url(crypto.getRandomValues(new Uint8Array(16))), mesh.mesh);
    const iat = Date.now();
    const grant: Statement<"grant"> = {
      mesh: mesh.mesh,
      invite: randomId16(),
      key: keys.signer.publicKey,
      roles: ["guest"],
      scope: { skills: ["search"], channels: ["general"] },
      uses: 1,
      iat,
      exp: iat + dayMs,
      until: iat + 30 * dayMs,
      ...change,
    };
    const compact = await signStatement("grant", grant, mesh.operator.identity.root);
    await mesh.operator.request("invite.grant", { grant: compact, redeem: keys.redeem });
    return new ApprovedLink(mesh, keys, compact, grant);
  }

  /** What somebody who holds the secret signs. */
  admission(
    identity: TestIdentity,
    change: Partial<Statement<"admission">> = {},
    signer = this.keys.signer,
  ): Promise<string> {
    const { mesh, roles, scope, until, iat } = this.grant;
    return signStatement(
      "admission",
      {
        mesh,
        member: identity.member,
        name: identity.name,
        kind: identity.kind,
        roles,
        ...(scope === undefined ? {} : { scope }),
        number: 1,
        iat,
        exp: until,
        grant: this.compact,
        ...change,
      },
      signer,
    );
  }

  async redeem(identity: TestIdentity, admission?: string, secret = this.keys.redeem): Promise<PairingState> {
    return callRegistry(this.mesh.origin, "POST", "/pairings", {
      secret,
      request: await identity.pairing(this.mesh.mesh),
      devices: await identity.deviceList(this.mesh.mesh),
      ...(admission === undefined ? {} : { admission }),
    });
  }

  async join(name: string): Promise<TestIdentity> {
    const identity = await TestIdentity.create(name);
    await this.redeem(identity, await this.admission(identity));
    return identity;
  }
}

describe("a pre-approved link", () => {
  it("lets in who holds its secret, as what the grant says, without a word of an operator", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh);
    const bob = await TestIdentity.create("bob");
    const asked = await link.redeem(bob);
    expect(asked).toMatchObject({ state: "pending", grant: link.compact });
    const admission = await link.admission(bob);
    expect(await link.redeem(bob, admission)).toEqual({ pairing: asked.pairing, state: "admitted", admission });
    // The answer may be lost: whoever asks again with another admission is told the one that holds.
    expect(await link.redeem(bob, await link.admission(bob, { exp: link.grant.until - 1 }))).toMatchObject({
      admission,
    });
    expect(mesh.operator.waitingPushes("pairing.pending")).toBe(0);
    const device = await mesh.open(bob);
    const { channel } = await device.request("channel.join", { name: "general" });
    expect((await device.post(channel.channel)).error).toBeUndefined();
    await expect(device.request("channel.join", { name: "agents" })).rejects.toMatchObject({ code: "unknown_channel" });
    await expect(device.request("invite.create", { kind: "link" })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("is used as often as its grant says, however many ask at once", async () => {
    await using registry = await startRegistry();
    const link = await ApprovedLink.open(await registry.claim(), { uses: 3 });
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => outcomeOf(link.join(`member-${index}x`))),
    );
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === "expired")).toHaveLength(5);
  });

  it("lets nobody in who has what the registry keeps and not the secret", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh, { uses: 5 });
    const eve = await TestIdentity.create("eve");
    await link.redeem(eve);
    for (const signer of [eve.root, await createSigner("invite"), { ...eve.root, id: link.keys.signer.id }])
      await expect(link.redeem(eve, await link.admission(eve, {}, signer))).rejects.toMatchObject({
        code: "bad_signature",
      });
    await expect(mesh.open(eve)).rejects.toMatchObject({ code: "not_admitted" });
    const { records } = await registry.stores.records.list("invite/");
    expect(records.map(({ value }) => new TextDecoder().decode(value)).join()).not.toContain(link.keys.redeem);
  });

  it.each([
    ["with more roles", { roles: ["guest", "member"] }],
    ["as an operator", { roles: ["operator"] }],
    ["with one skill more", { scope: { skills: ["search", "deploy"], channels: ["general"] } }],
    ["without a limit to channels", { scope: { skills: ["search"] } }],
    ["without a scope", { scope: undefined }],
    ["for longer", { exp: Date.now() + 31 * dayMs }],
    ["over what an operator may say later", { number: 2 }],
    ["for a member of another name's place", { replaces: "A".repeat(43) }],
  ])("does not let anybody in %s", async (_what, change) => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh);
    const eve = await TestIdentity.create("eve");
    await expect(
      link.redeem(eve, await link.admission(eve, change as Partial<Statement<"admission">>)),
    ).rejects.toMatchObject({
      code: "bad_signature",
    });
    await expect(mesh.open(eve)).rejects.toMatchObject({ code: "not_admitted" });
  });

  it("is worth nothing once it is canceled, also to who redeemed it before", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh, { uses: 3 });
    const [bob, carol] = [await TestIdentity.create("bob"), await TestIdentity.create("carol")];
    await link.redeem(bob);
    await mesh.operator.request("invite.cancel", { invite: link.grant.invite });
    for (const late of [bob, carol])
      await expect(link.redeem(late, await link.admission(late))).rejects.toMatchObject({ code: "invalid_link" });
  });

  it("is worth nothing after its time, also to who redeemed it before", async () => {
    const clock = new MovedClock();
    await using registry = await startRegistry({ clock });
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh, { uses: 3, exp: Date.now() + 60_000 });
    const [bob, carol] = [await TestIdentity.create("bob"), await TestIdentity.create("carol")];
    await link.redeem(bob);
    clock.moved = 60_000;
    for (const late of [bob, carol])
      await expect(link.redeem(late, await link.admission(late))).rejects.toMatchObject({ code: "expired" });
  });

  it("admits by its own grant only, and no other invite admits by a grant", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [narrow, wide] = [await ApprovedLink.open(mesh), await ApprovedLink.open(mesh, { roles: ["member"] })];
    const eve = await TestIdentity.create("eve");
    await expect(narrow.redeem(eve, await wide.admission(eve))).rejects.toMatchObject({ code: "forbidden" });
    const mallory = await TestIdentity.create("mallory");
    const plain = await mesh.invite();
    await expect(narrow.redeem(mallory, await narrow.admission(mallory), plain)).rejects.toMatchObject({
      code: "forbidden",
    });
    const { secret: code } = await mesh.operator.request("invite.create", { kind: "code" });
    const trudy = await TestIdentity.create("trudy");
    await expect(narrow.redeem(trudy, await narrow.admission(trudy), code)).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("is opened by an operator's signature only, and lives as long as a link may", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const link = await ApprovedLink.open(mesh);
    const open = async (change: Partial<Statement<"grant">>, signer = mesh.operator.identity.root): Promise<string> => {
      const grant = await signStatement("grant", { ...link.grant, invite: randomId16(), ...change }, signer);
      return outcomeOf(mesh.operator.request("invite.grant", { grant, redeem: randomId16() }));
    };
    const bob = await mesh.admit("bob");
    expect(await open({}, bob.root)).toBe("bad_signature");
    expect(await open({ mesh: bob.member })).toBe("wrong_mesh");
    expect(await open({ exp: Date.now() - 1 })).toBe("invalid_argument");
    expect(await open({ exp: Date.now() + limits.inviteLifeMs })).toBe("done");
    expect(await open({ exp: Date.now() + limits.inviteLifeMs + limits.clockSkewMs + 60_000 })).toBe(
      "invalid_argument",
    );
    const again = await signStatement("grant", { ...link.grant, uses: 50 }, mesh.operator.identity.root);
    await expect(
      mesh.operator.request("invite.grant", { grant: again, redeem: link.keys.redeem }),
    ).rejects.toMatchObject({ code: "already_exists" });
    const { invites } = await mesh.operator.request("invite.list", {});
    expect(invites.find(({ invite }) => invite === link.grant.invite)).toMatchObject({
      approved: { roles: ["guest"] },
    });
  });
});
