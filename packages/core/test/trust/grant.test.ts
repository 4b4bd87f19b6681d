import {
  createSigner,
  deriveInviteKeys,
  idOfKey,
  signStatement,
  verifyByOperator,
  verifyMember,
  verifyOperators,
} from "@parley/core";
import { limits, type Role, type Statement, toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";
import { dayMs, FixedMesh, now, Person } from "./fixed-mesh.ts";

const mesh = await FixedMesh.create();
const operators = await verifyOperators([mesh.genesis]);
const secret = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
const keys = await deriveInviteKeys(secret, mesh.mesh);
const [alice, second] = [await Person.create(), await Person.create()];

function grant(change: Partial<Statement<"grant">> = {}, signer = mesh.operator.root): Promise<string> {
  return signStatement(
    "grant",
    {
      mesh: mesh.mesh,
      invite: toBase64url(new Uint8Array(16)),
      key: keys.signer.publicKey,
      roles: ["guest"],
      kind: "agent",
      name: "alice",
      scope: { skills: ["search", "read"], channels: ["general"] },
      uses: 1,
      iat: now,
      exp: now + dayMs,
      until: now + 30 * dayMs,
      ...change,
    },
    signer,
  );
}

const fitting = {
  roles: ["guest"] as Role[],
  scope: { skills: ["search"], channels: [] },
  exp: now + 30 * dayMs,
};

async function verdict(
  change: Partial<Statement<"admission">>,
  granted?: string,
  signer = keys.signer,
): Promise<string> {
  const admission = { ...fitting, grant: granted ?? (await grant()), ...change };
  const compact = await mesh.admission(alice.member, admission, signer);
  return coded(verifyByOperator("admission", compact, operators));
}

describe("an admission under a grant", () => {
  it("holds within it, and shows the member as what it says", async () => {
    const admission = await mesh.admission(alice.member, { ...fitting, grant: await grant() }, keys.signer);
    const member = await verifyMember(await mesh.record(alice, { admission }), operators, now);
    expect(member).toMatchObject({ roles: ["guest"], scope: fitting.scope, admissionExpires: now + 30 * dayMs });
  });

  it("holds at each bound of the grant", async () => {
    expect(await verdict({ scope: { skills: ["search", "read"], channels: ["general"] } })).toBe("none");
    expect(await verdict({ iat: now + dayMs })).toBe("none");
    expect(await verdict({ iat: now - limits.clockSkewMs })).toBe("none");
  });

  it.each([
    ["other roles", { roles: ["member"] }],
    ["more roles", { roles: ["guest", "member"] }],
    ["an operator's roles", { roles: ["guest", "operator"] }],
    ["another kind", { kind: "person" }],
    ["another name", { name: "mallory" }],
    ["a skill more", { scope: { skills: ["search", "deploy"], channels: ["general"] } }],
    ["a channel more", { scope: { skills: ["search"], channels: ["general", "ops"] } }],
    ["no limit to skills", { scope: { channels: ["general"] } }],
    ["no scope at all", { scope: undefined }],
    ["a later end", { exp: now + 30 * dayMs + 1 }],
    ["a time after the link's", { iat: now + dayMs + 1 }],
    ["a time before the link's", { iat: now - limits.clockSkewMs - 1 }],
    ["a higher number, over what an operator said later", { number: 2 }],
    ["somebody's name taken over", { replaces: second.member }],
  ] as const)("does not hold with %s", async (_what, change) => {
    expect(await verdict(change as unknown as Partial<Statement<"admission">>)).toBe("bad_signature");
  });

  it("does not hold under the key of whoever has only the grant: a registry cannot mint with it", async () => {
    const registry = await createSigner("invite");
    expect(await verdict({}, undefined, registry)).toBe("bad_signature");
    expect(await verdict({}, undefined, { ...registry, id: keys.signer.id })).toBe("bad_signature");
    const own = await grant({ key: registry.publicKey }, second.root);
    expect(await verdict({}, own, registry)).toBe("bad_signature");
    const claimed = await grant({ key: registry.publicKey }, { ...second.root, id: mesh.operator.member });
    expect(await verdict({}, claimed, registry)).toBe("bad_signature");
  });

  it("does not hold under a grant for another mesh, or of one who is no operator any more", async () => {
    const other = await FixedMesh.create();
    expect(await verdict({}, await grant({ mesh: other.mesh }))).toBe("wrong_mesh");
    expect(await verdict({ mesh: other.mesh })).toBe("wrong_mesh");
    const later = await verifyOperators([mesh.genesis, await mesh.operators(mesh.genesis, [second])]);
    const compact = await mesh.admission(alice.member, { ...fitting, grant: await grant() }, keys.signer);
    expect(await coded(verifyByOperator("admission", compact, later))).toBe("bad_signature");
  });

  it("does not hold when an operator signed it: its own admissions carry no grant", async () => {
    expect(await verdict({}, undefined, mesh.operator.root)).toBe("bad_signature");
  });
});

describe("a grant", () => {
  it.each(["operator", "admin"])("never gives the role %s", async (role) => {
    expect(await coded(grant({ roles: [role as "member"] }))).toBe("invalid_argument");
  });

  it("gives as many uses as the limit says, no more and no fewer than one", async () => {
    expect(await coded(grant({ uses: limits.inviteUses }))).toBe("none");
    expect(await coded(grant({ uses: limits.inviteUses + 1 }))).toBe("invalid_argument");
    expect(await coded(grant({ uses: 0 }))).toBe("invalid_argument");
  });
});

describe("the secret of a pre-approved link", () => {
  it("gives the same keys each time, others in another mesh, and what is shown says nothing of the key", async () => {
    const again = await deriveInviteKeys(secret, mesh.mesh);
    expect([again.redeem, again.signer.publicKey]).toEqual([keys.redeem, keys.signer.publicKey]);
    expect(keys.signer.id).toBe(await idOfKey("invite", keys.signer.publicKey));
    const other = await deriveInviteKeys(secret, alice.member);
    expect(other.redeem).not.toBe(keys.redeem);
    expect(other.signer.publicKey).not.toBe(keys.signer.publicKey);
    const fromRedeem = await deriveInviteKeys(keys.redeem, mesh.mesh);
    expect(fromRedeem.signer.publicKey).not.toBe(keys.signer.publicKey);
    expect(await coded(deriveInviteKeys("short", mesh.mesh))).toBe("invalid_link");
  });
});
