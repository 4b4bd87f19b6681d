/** Whoever may appear in a simulation: members, their devices and statements, made once and shared by all seeds. */
import { createIdentityDraft, type Identity } from "@parley/client";
import { createSigner, type Signer, signStatement, verifyBytes, signBytes } from "@parley/core";
import { limits, type MemberKind, type MemberRecord, toBase64url } from "@parley/protocol";
import { type SeededRandom, testCard } from "@parley/testkit";

import { beginning } from "./machine.ts";

/** A member with the identity that each of its devices holds. */
export interface CastMember {
  readonly name: string;
  readonly kind: MemberKind;
  readonly member: string;
  readonly record: MemberRecord;
  readonly devices: readonly Identity[];
}

export interface Cast {
  readonly mesh: string;
  readonly genesis: string;
  readonly certificate: string;
  readonly nodeKey: Signer;
  readonly founder: CastMember;
  readonly members: readonly CastMember[];
}

const years = 10 * 365 * 86_400_000;
/** The one skill that every agent offers. */
export const skill = "work";

/** Kind and devices of each member there is to choose from. */
const parts: readonly (readonly [name: string, kind: MemberKind, devices: number])[] = [
  ["ada", "agent", 1],
  ["bob", "agent", 1],
  ["cleo", "agent", 2],
  ["dora", "agent", 3],
  ["eve", "person", 1],
  ["fay", "person", 1],
  ["gil", "person", 2],
  ["hal", "person", 3],
];

interface Draft {
  readonly name: string;
  readonly kind: MemberKind;
  readonly devices: readonly Omit<Identity, "devices">[];
}

async function draft(name: string, kind: MemberKind, devices: number): Promise<Draft> {
  const first = await createIdentityDraft({ name, kind, label: "device-0" });
  const others = await Promise.all(
    Array.from({ length: devices - 1 }, async (_, index) => ({
      ...first,
      device: await createSigner("device"),
      label: `device-${index + 1}`,
    })),
  );
  return { name, kind, devices: [first, ...others] };
}

async function certify(
  { name, kind, devices }: Draft,
  mesh: string,
  operator: Signer,
  roles: readonly ("operator" | "admin" | "member")[],
): Promise<CastMember> {
  const [first] = devices;
  const root = first?.root;
  const encryption = first?.encryptionKeys[0];
  if (first === undefined || root === undefined || encryption === undefined) throw new Error("a member without keys");
  const member = root.id;
  const list = await signStatement(
    "devices",
    {
      mesh,
      member,
      number: 1,
      devices: devices.map(({ device, label }) => ({
        device: device.id,
        key: device.publicKey,
        label,
        since: beginning,
      })),
      encryption: { kid: encryption.kid, key: encryption.publicKey },
      iat: beginning,
    },
    root,
  );
  const admission = await signStatement(
    "admission",
    { mesh, member, name, kind, roles: [...roles], number: 1, iat: beginning, exp: beginning + years },
    operator,
  );
  const card = await signStatement(
    "card",
    { mesh, member, number: 1, card: testCard({ name, member }, [{ id: skill }]) },
    root,
  );
  const record = { root: root.publicKey, rotations: [], admission, devices: list, card };
  return { name, kind, member, record, devices: devices.map((device) => ({ ...device, devices: list })) };
}

/** Makes the cast. The same random gives the same one. */
export async function makeCast(random: SeededRandom): Promise<Cast> {
  const nodeKey = await createSigner("node");
  const founder = await draft("op", "person", 1);
  const operator = founder.devices[0]?.root;
  if (operator === undefined) throw new Error("an operator without a key");
  const nonce = toBase64url(random.bytes(16));
  const operators = [{ member: operator.id, key: operator.publicKey }];
  const genesis = await signStatement("genesis", { nonce, operators, iat: beginning }, operator);
  const mesh = toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(genesis))));
  const node = {
    mesh,
    node: nodeKey.id,
    key: nodeKey.publicKey,
    iat: beginning,
    exp: beginning + limits.leaseMs * 365,
  };
  const certificate = await signStatement("node", node, operator);
  const members: CastMember[] = [];
  for (const [name, kind, devices] of parts)
    members.push(await certify(await draft(name, kind, devices), mesh, operator, ["member"]));
  const cast = {
    mesh,
    genesis,
    certificate,
    nodeKey,
    founder: await certify(founder, mesh, operator, ["operator", "admin"]),
    members,
  };
  await remember(cast);
  return cast;
}

/** Verifies once with every key: what the libraries remember of keys must not differ between the first seed and the next. */
async function remember(cast: Cast): Promise<void> {
  const bytes = new Uint8Array(1);
  const signers = [cast.nodeKey];
  for (const { devices } of [cast.founder, ...cast.members])
    for (const { device, root } of devices) signers.push(device, ...(root === undefined ? [] : [root]));
  for (const signer of signers) await verifyBytes(signer.publicKey, await signBytes(signer, bytes), bytes);
}
