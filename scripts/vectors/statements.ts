import { sha256, signBytes, signStatement } from "@parley/core";
import { type Statement, type StatementType, toBase64url } from "@parley/protocol";

import { fixedId, type FixedSigner, type FixedSigners, vectorExpiry, vectorTime } from "./identities.ts";

export interface StatementVector {
  readonly type: StatementType;
  /** Name of the signer in `keys`. */
  readonly signer: keyof FixedSigners;
  readonly payload: unknown;
  readonly compact: string;
}

interface InvalidStatement {
  readonly name: string;
  readonly type: StatementType;
  /** Name of the key to verify with. */
  readonly key: keyof FixedSigners;
  readonly compact: string;
  readonly code: "bad_signature";
}

const iat = vectorTime;
const exp = vectorExpiry;

/** A card with one skill. */
const card: Statement<"card">["card"] = {
  name: "Librarian",
  description: "Finds and reads documents.",
  version: "1.0.0",
  supportedInterfaces: [{ url: "parley:librarian", protocolBinding: "https://parley.dev/a2a/bindings/envelope/v1", protocolVersion: "1.0" }],
  capabilities: { streaming: true },
  defaultInputModes: ["application/json"],
  defaultOutputModes: ["application/json"],
  skills: [{ id: "search", name: "Search", description: "Searches the index.", tags: ["documents"] }],
};

/** One statement of every type, signed with the fixed keys. Ed25519 gives the same signature each time (RFC 8032). */
export async function validStatements(signers: FixedSigners): Promise<Readonly<Record<StatementType, StatementVector>>> {
  const { operator, second, member, rotated, device, node } = signers;
  const sign = async <Type extends StatementType>(type: Type, signer: keyof FixedSigners, payload: Statement<Type>): Promise<StatementVector> => ({
    type,
    signer,
    payload,
    compact: await signStatement(type, payload, signers[signer]),
  });
  const first = { member: operator.id, key: operator.publicKey };
  const genesis = await sign("genesis", "operator", { nonce: fixedId(16, 16), operators: [first], iat });
  const mesh = await sha256(genesis.compact);
  const nodeCertificate = await sign("node", "operator", { mesh, node: node.id, key: node.publicKey, iat, exp });
  const lease = await sign("lease", "node", { mesh, member: member.id, device: device.id, iat, exp: iat + 86_400_000 });
  const session = await sign("session", "device", {
    mesh,
    member: member.id,
    device: device.id,
    boot: fixedId(16, 17),
    challenge: fixedId(32, 18),
    nonce: fixedId(16, 19),
    versions: [1],
    version: 1,
    suite: 1,
    iat,
  });
  return {
    genesis,
    operators: await sign("operators", "operator", {
      mesh,
      number: 2,
      previous: mesh,
      operators: [{ ...first, admin: true }, { member: second.id, key: second.publicKey }],
      iat,
    }),
    node: nodeCertificate,
    admission: await sign("admission", "operator", { mesh, member: member.id, name: "librarian", kind: "agent", roles: ["member"], number: 1, iat, exp }),
    revocations: await sign("revocations", "operator", { mesh, number: 1, revoked: [{ member: second.id, at: iat, reason: "lost key" }], iat }),
    rotation: await sign("rotation", "member", { mesh, member: member.id, number: 1, key: rotated.publicKey, iat }),
    devices: await sign("devices", "member", {
      mesh,
      member: member.id,
      number: 1,
      devices: [{ device: device.id, key: device.publicKey, label: "laptop", since: iat, seal: fixedId(32, 41), half: "A".repeat(107) }],
      encryption: { kid: fixedId(8, 20), key: fixedId(32, 21), since: iat },
      iat,
    }),
    card: await sign("card", "member", { mesh, member: member.id, number: 1, card }),
    pairing: await sign("pairing", "member", { mesh, root: member.publicKey, name: "librarian", kind: "agent", label: "laptop", nonce: fixedId(16, 22), iat }),
    session,
    welcome: await sign("welcome", "node", {
      mesh,
      node: node.id,
      proof: await sha256(session.compact),
      version: 1,
      suite: 1,
      session: fixedId(16, 23),
      generation: 1,
      time: iat,
    }),
    lease,
    hello: await sign("hello", "device", {
      mesh,
      member: member.id,
      device: device.id,
      boot: fixedId(16, 17),
      peerDevice: fixedId(32, 24),
      peerBoot: fixedId(16, 25),
      fingerprints: { local: "ab".repeat(32), remote: "cd".repeat(32) },
      versions: [1],
      lease: lease.compact,
      certificate: nodeCertificate.compact,
      revocations: 1,
      iat,
    }),
    post: await sign("post", "device", {
      mesh,
      channel: fixedId(32, 51),
      member: member.id,
      id: fixedId(16, 55),
      iat,
      content: { type: "text", text: "hello" },
    }),
    invitation: await sign("invitation", "device", { mesh, channel: fixedId(32, 51), member: second.id, by: member.id, iat }),
    approval: await sign("approval", "device", { mesh, by: member.id, decision: "granted", digests: [fixedId(32, 61)], iat, exp }),
    standing: await sign("standing", "device", { mesh, id: fixedId(16, 62), by: member.id, callee: second.id, skill: "search", caller: member.id, uses: 10, iat, exp }),
    delegation: await sign("delegation", "device", { mesh, id: fixedId(16, 63), from: member.id, to: second.id, skills: ["search", "read-*"], iat, exp: iat + 3_600_000 }),
    acting: await sign("acting", "device", { mesh, delegation: fixedId(16, 63), callee: second.id, message: "m-1", iat }),
    withdrawals: await sign("withdrawals", "member", { mesh, member: member.id, number: 1, withdrawn: [{ id: fixedId(16, 63), until: iat + 3_600_000 }], iat }),
    grant: await sign("grant", "operator", {
      mesh,
      invite: fixedId(16, 58),
      key: rotated.publicKey,
      roles: ["guest"],
      kind: "agent",
      name: "librarian",
      scope: { skills: ["search"], channels: ["general"] },
      uses: 3,
      iat,
      exp: iat + 86_400_000,
      until: exp,
    }),
    policy: await sign("policy", "operator", {
      mesh,
      number: 1,
      policy: {
        tags: { build: ["@librarian"] },
        rules: [{ allow: ["call"], who: ["role:member"], to: ["tag:build"], skills: ["search", "read-*"], approval: { quorum: 2 } }, { deny: ["post"], channels: ["#general"] }],
        budgets: [{ who: ["kind:agent"], messages: { hour: 100 } }],
      },
      iat,
    }),
    restrictions: await sign("restrictions", "operator", {
      mesh,
      number: 1,
      restrictions: [{ member: second.id, kind: "muted", at: iat, until: exp, reason: "too loud" }, { kind: "paused", at: iat }],
      iat,
    }),
    holds: await sign("holds", "node", { mesh, node: node.id, number: 1, held: [{ member: second.id, code: "over_budget", until: exp }], iat }),
    usage: await sign("usage", "device", { mesh, member: member.id, device: device.id, number: 1, taken: [{ member: second.id, messages: 3 }], used: { tokens: 10, money: 5 }, iat }),
    "token-key": await sign("token-key", "node", { mesh, node: node.id, key: signers.token.publicKey, iat, exp: iat + 86_700_000 }),
    token: await sign("token", "token", {
      iss: `parley:${mesh}`,
      sub: member.id,
      aud: "http",
      jti: fixedId(16, 56),
      iat: iat / 1000,
      nbf: iat / 1000,
      exp: iat / 1000 + 300,
      mesh,
      device: device.id,
      session: fixedId(16, 23),
    }),
    head: await sign("head", "node", { mesh, node: node.id, epoch: "e1", number: 17, hash: fixedId(32, 61), iat }),
    checkpoint: await sign("checkpoint", "node", {
      mesh,
      node: node.id,
      from: 1,
      to: 9,
      hash: fixedId(32, 62),
      count: 9,
      previous: fixedId(32, 63),
      iat,
    }),
    witness: await sign("witness", "device", {
      mesh,
      member: member.id,
      device: device.id,
      node: node.id,
      epoch: "e1",
      number: 17,
      hash: fixedId(32, 61),
      iat,
    }),
    agreement: await sign("agreement", "device", {
      mesh,
      subject: fixedId(16, 71),
      number: 1,
      by: member.id,
      iat,
      act: {
        type: "propose",
        to: second.id,
        worker: "recipient",
        terms: { task: "Read the corpus and list what is new.", skill: "search", price: { amount: "12.5", currency: "EUR" }, payment: "invoice 7", deadline: exp },
        until: iat + 86_400_000,
      },
    }),
    "task-entry": await sign("task-entry", "device", {
      mesh,
      subject: "task-1",
      number: 2,
      previous: fixedId(32, 72),
      by: member.id,
      iat,
      act: { type: "state", state: "TASK_STATE_COMPLETED", digest: fixedId(32, 73), at: iat },
    }),
  };
}

const text = (value: unknown): string => toBase64url(new TextEncoder().encode(JSON.stringify(value)));

/** A compact JWS with any header and payload, rightly signed. */
async function forge(header: object, payload: string, signer: FixedSigner): Promise<string> {
  const input = `${text(header)}.${payload}`;
  return `${input}.${toBase64url(await signBytes(signer, new TextEncoder().encode(input)))}`;
}

/** Statements that must not hold, each for one reason. */
export async function invalidStatements(signers: FixedSigners, valid: Readonly<Record<StatementType, StatementVector>>): Promise<readonly InvalidStatement[]> {
  const { member } = signers;
  const { compact, payload } = valid.rotation;
  const [header = "", body = "", signature = ""] = compact.split(".");
  const good = { alg: "EdDSA", typ: "parley-rotation", kid: member.id };
  const bad = (name: string, wrong: string, key: keyof FixedSigners = "member"): InvalidStatement => ({ name, type: "rotation", key, compact: wrong, code: "bad_signature" });
  // The last character of 64 bytes in base64url has four bits that decoders like to ignore.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const lastBits = alphabet[alphabet.indexOf(signature.at(-1) ?? "") + 1] ?? "";
  return [
    bad("verified with another key", compact, "operator"),
    bad("typ of another statement", await forge({ ...good, typ: "parley-devices" }, body, member)),
    bad("no typ", await forge({ alg: "EdDSA", kid: member.id }, body, member)),
    bad("alg none without signature", `${text({ ...good, alg: "none" })}.${body}.`),
    bad("alg none with a signature", await forge({ ...good, alg: "none" }, body, member)),
    bad("alg of another family", await forge({ ...good, alg: "ES256" }, body, member)),
    bad("unencoded payload (RFC 7797)", await forge({ ...good, b64: false, crit: ["b64"] }, body, member)),
    bad("unknown critical header", await forge({ ...good, crit: ["x"], x: 1 }, body, member)),
    bad("altered payload", `${header}.${text({ ...(payload as object), number: 2 })}.${signature}`),
    bad("unknown field", await forge(good, text({ ...(payload as object), extra: 1 }), member)),
    bad("missing field", await forge(good, text({ ...(payload as object), mesh: undefined }), member)),
    bad("payload is not JSON", await forge(good, toBase64url(new TextEncoder().encode("{")), member)),
    bad("payload nested too deep", await forge(good, toBase64url(new TextEncoder().encode("[".repeat(100))), member)),
    bad("signature cut short", compact.slice(0, -2)),
    bad("signature with other unused bits", `${compact.slice(0, -1)}${lastBits}`),
    bad("signature with padding", `${compact}==`),
    bad("two parts", `${header}.${body}`),
    bad("four parts", `${compact}.${signature}`),
    bad("empty", ""),
  ];
}
