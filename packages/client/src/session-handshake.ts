/** The device's side of the handshake: challenge, proof, welcome. No sockets here. */
import { type MeshTrust, sha256, signStatement, verifyByOperator, verifyStatement } from "@parley/core";
import {
  challengeSchema,
  decodeJson,
  limits,
  ParleyError,
  protocolSuites,
  protocolVersions,
  type Role,
  type Statement,
  welcomeSchema,
} from "@parley/protocol";

import type { Identity } from "./identity.ts";

export interface Proof {
  /** The message to send. */
  readonly text: string;
  /** SHA-256 of the statement in it: the welcome must cover it. */
  readonly hash: string;
  readonly node: string;
  readonly version: number;
}

export interface Welcome {
  readonly statement: Statement<"welcome">;
  /** Node key certificate, for showing to peers. */
  readonly certificate: string;
  readonly nodeKey: string;
  readonly lease: string;
  readonly leaseExpires: number;
  readonly mailbox: { readonly epoch: string; readonly first: number; readonly last: number };
  /** Roles of the own member, by an operator's word. */
  readonly roles: readonly Role[];
}

/** Highest number both lists have; undefined when none. */
export function highestCommon(ours: readonly number[], theirs: readonly number[]): number | undefined {
  return ours.filter((value) => theirs.includes(value)).toSorted((left, right) => right - left)[0];
}

export interface ProofInput {
  readonly identity: Identity;
  readonly trust: MeshTrust;
  readonly boot: string;
  readonly nonce: string;
  readonly now: number;
}

/** Answers a challenge. Throws `wrong_mesh`, `unsupported_version`, `version_downgrade` or `clock_skew`. */
export async function answerChallenge(text: string, input: ProofInput): Promise<Proof> {
  const challenge = decodeJson(challengeSchema, text);
  if (!challenge.ok) throw new ParleyError(challenge.code, { message: challenge.message });
  const { mesh, node, versions, suites, time } = challenge.value;
  const { identity, trust } = input;
  if (mesh !== trust.mesh)
    throw new ParleyError("registry_key_mismatch", {
      message: "This registry serves another mesh than the one this home is paired with.",
    });
  const version = highestCommon(protocolVersions, versions);
  const suite = highestCommon(protocolSuites, suites);
  if (version === undefined || suite === undefined) throw new ParleyError("unsupported_version");
  trust.checkVersion(version);
  if (Math.abs(time - input.now) > limits.clockSkewMs) {
    throw new ParleyError("clock_skew", {
      message: `This machine's clock differs from the registry's by ${Math.round((input.now - time) / 1000)} s; set it.`,
    });
  }
  const statement = await signStatement(
    "session",
    {
      mesh,
      member: identity.member,
      device: identity.device.id,
      boot: input.boot,
      challenge: await sha256(text),
      nonce: input.nonce,
      versions: [...protocolVersions],
      version,
      suite,
      iat: input.now,
    },
    identity.device,
  );
  const proof = {
    type: "proof",
    statement,
    root: identity.rootKey,
    rotations: identity.rotations,
    devices: identity.devices,
  };
  return { text: JSON.stringify(proof), hash: await sha256(statement), node, version };
}

/** Checks a welcome against the proof and the pins, and takes what it brings. */
export async function acceptWelcome(text: string, proof: Proof, input: ProofInput): Promise<Welcome> {
  const welcome = decodeJson(welcomeSchema, text, limits.welcomeBytes);
  if (!welcome.ok) throw new ParleyError(welcome.code, { message: welcome.message });
  const { trust, identity } = input;
  const { operators, node, statement, revocations, lease, mailbox, admission } = welcome.value;
  await trust.acceptOperators(operators);
  const isExpiredFine = trust.operators.keys.get(identity.member) === (identity.root?.publicKey ?? "none");
  const { node: nodeId, key } = await trust.verifyNode(node, { isExpiredFine });
  const signed = await verifyStatement("welcome", statement, key).catch((cause: unknown) => {
    throw new ParleyError("registry_key_mismatch", { cause });
  });
  if (nodeId !== proof.node || signed.node !== proof.node || signed.mesh !== trust.mesh || signed.proof !== proof.hash)
    throw new ParleyError("registry_key_mismatch");
  if (signed.version !== proof.version) throw new ParleyError("version_downgrade");
  trust.acceptVersion(signed.version);
  if (revocations !== undefined) await trust.acceptOrder("revocations", revocations);
  else if (trust.orderNumbers.revocations > 0)
    throw new ParleyError("stale_statement", {
      message: "The registry forgot the revocation list that this device has seen.",
    });
  const { expires } = await trust.verifyLease(lease, key, { member: identity.member, device: identity.device.id });
  const { member, roles } = await verifyByOperator("admission", admission, trust.operators);
  if (member !== identity.member) throw new ParleyError("registry_key_mismatch");
  return { roles, statement: signed, certificate: node, nodeKey: key, lease, leaseExpires: expires, mailbox };
}
