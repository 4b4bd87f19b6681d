import {
  peekStatement,
  sha256,
  verifyDevices,
  type VerifiedMember,
  verifyRootKey,
  verifyStatement,
} from "@parley/core";
import {
  type Challenge,
  decodeJson,
  ParleyError,
  proofSchema,
  protocolSuites,
  protocolVersions,
  type Statement,
} from "@parley/protocol";

import type { Authority } from "./authority.ts";
import type { Members } from "./members.ts";
import type { MeshState } from "./mesh-state.ts";
import type { Pairings } from "./pairings.ts";

export interface HandshakeContext {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly pairings: Pairings;
  readonly authority: Authority;
  readonly now: () => number;
  readonly clockSkewMs: number;
}

/** Who proved itself, and how. */
export interface Proven {
  readonly member: VerifiedMember;
  readonly device: string;
  readonly boot: string;
  readonly version: number;
  readonly suite: number;
  /** SHA-256 of the compact proof: the welcome is signed over it. */
  readonly proofHash: string;
}

/** The node's first message. The proof covers its text as it was sent. */
export function makeChallenge(mesh: string | undefined, node: string, nonce: string, time: number): string {
  const challenge: Challenge = {
    type: "challenge",
    ...(mesh === undefined ? {} : { mesh }),
    node,
    nonce,
    versions: [...protocolVersions],
    suites: [...protocolSuites],
    time,
  };
  return JSON.stringify(challenge);
}

/** Verifies a device's answer to a challenge. Throws the code that the session is closed with. */
export async function verifyProof(text: string, challenge: string, context: HandshakeContext): Promise<Proven> {
  const proof = decodeJson(proofSchema, text);
  if (!proof.ok) throw new ParleyError(proof.code, { message: proof.message });
  const { statement, root, rotations, devices } = proof.value;
  const { mesh } = context.mesh.require();
  const claimed = peekStatement("session", statement);
  if (claimed.mesh !== mesh) throw new ParleyError("wrong_mesh");
  const { member, key } = await verifyRootKey(mesh, root, rotations);
  if (member !== claimed.member)
    throw new ParleyError("unauthenticated", {
      message: "The proof is for another member than its root key belongs to.",
    });
  const list = await verifyDevices(mesh, member, key, devices);
  const device = list.devices.get(claimed.device);
  if (device === undefined)
    throw new ParleyError("unauthenticated", { message: "The device is not on its member's device list." });
  const session = await verifyStatement("session", statement, device.key);
  await checkSession(session, challenge, context);
  const verified = await admitted(member, rotations, devices, context);
  if (verified.devices.get(session.device)?.key !== device.key) throw new ParleyError("device_removed");
  return {
    member: verified,
    device: session.device,
    boot: session.boot,
    version: session.version,
    suite: session.suite,
    proofHash: await sha256(statement),
  };
}

async function checkSession(
  session: Statement<"session">,
  challenge: string,
  context: HandshakeContext,
): Promise<void> {
  if (session.challenge !== (await sha256(challenge)))
    throw new ParleyError("replayed", { message: "The proof answers another challenge." });
  const skew = session.iat - context.now();
  if (Math.abs(skew) > context.clockSkewMs) {
    throw new ParleyError("clock_skew", {
      message: `This device's clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? "ahead of" : "behind"} the registry's; set it.`,
    });
  }
  const common = session.versions.filter((version) => protocolVersions.includes(version));
  if (common.length === 0 || !protocolSuites.includes(session.suite)) throw new ParleyError("unsupported_version");
  if (session.version !== Math.max(...common))
    throw new ParleyError("version_downgrade", {
      message: "The device did not choose the newest version that both sides speak.",
    });
}

/** The member's record as it stands after what the proof brought along. */
async function admitted(
  member: string,
  rotations: readonly string[],
  devices: string,
  context: HandshakeContext,
): Promise<VerifiedMember> {
  const { members, mesh, pairings, authority } = context;
  if (mesh.isRevoked(member)) throw new ParleyError("revoked");
  let stored = await members.get(member);
  if (stored === undefined) {
    await pairings.finishFor(member);
    stored = await members.get(member);
  }
  if (stored === undefined) throw new ParleyError("not_admitted");
  if (stored.revoked !== undefined) throw new ParleyError("revoked");
  authority.checkBan({ member, kind: peekStatement("admission", stored.record.admission).kind });
  const isNewer = peekStatement("devices", devices).number > peekStatement("devices", stored.record.devices).number;
  const known = stored.record.rotations;
  // A device that slept through a rotation brings the chain up to there: what is known here holds.
  const isBehind = rotations.length < known.length && rotations.every((compact, index) => compact === known[index]);
  if (isBehind) return members.verify(stored.record);
  const isRotated = rotations.length !== known.length || rotations.at(-1) !== known.at(-1);
  if (isRotated) await members.publishRotations(member, rotations, devices);
  else if (isNewer) await members.publishDevices(member, devices);
  const record = isNewer || isRotated ? (await members.get(member))?.record : stored.record;
  return members.verify(record ?? stored.record);
}
