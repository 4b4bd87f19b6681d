import { type Random, type Signer, signStatement } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";

import type { RegistryBounds } from "./bounds.ts";
import type { Directory } from "./directory.ts";
import type { Generations } from "./generations.ts";
import type { Proven } from "./handshake.ts";
import { issueLease } from "./lease.ts";
import type { Mailboxes } from "./mailboxes.ts";
import type { Members } from "./members.ts";
import type { MeshState } from "./mesh-state.ts";

export interface WelcomeContext {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly generations: Generations;
  readonly nodeKey: Signer;
  readonly random: Random;
  readonly now: () => number;
  readonly bounds: Pick<RegistryBounds, "leaseMs">;
}

/** The node's answer to a proof, with what the session goes by from then on. */
export interface Welcome {
  /** Id of the session. */
  readonly session: string;
  /** The higher one of two sessions of a device is the newer. */
  readonly generation: number;
  /** How far a person's device took the mailbox before. */
  readonly cursor: number | undefined;
  /** The message as it goes out. */
  readonly text: string;
}

/** Welcomes a device that proved itself. Throws `revoked` or `device_removed` when that came about meanwhile. */
export async function makeWelcome(proven: Proven, context: WelcomeContext): Promise<Welcome> {
  const { nodeKey, random, mesh, members, directory, mailboxes, generations, bounds } = context;
  const claimed = mesh.require();
  const { member, device, proofHash, version, suite } = proven;
  const session = toBase64url(random.bytes(16));
  const generation = await generations.next(device, session);
  const time = context.now();
  const [statement, lease, mailbox] = await Promise.all([
    signStatement(
      "welcome",
      { mesh: claimed.mesh, node: nodeKey.id, proof: proofHash, version, suite, session, generation, time },
      nodeKey,
    ),
    issueLease(
      { mesh: claimed.mesh, nodeKey, now: time, leaseMs: bounds.leaseMs },
      member.member,
      device,
      member.admissionExpires,
    ),
    mailboxes.bounds(member.member),
  ]);
  const owner = { member: member.member, kind: member.kind, devices: [...member.devices.keys()] };
  const cursor = await mailboxes.cursor(owner, device);
  // What came while this was under way has the last word: the directory is as new as the store from here on.
  await members.refresh(member.member);
  if (mesh.isRevoked(member.member)) throw new ParleyError("revoked");
  if (directory.get(member.member)?.devices.includes(device) === false) throw new ParleyError("device_removed");
  const text = JSON.stringify({
    type: "welcome",
    statement,
    node: claimed.certificate,
    operators: [...claimed.operators.chain],
    admission: member.record.admission,
    lease,
    ...(mesh.claimed?.revocations === undefined ? {} : { revocations: mesh.claimed.revocations.compact }),
    mailbox,
  });
  return { session, generation, cursor, text };
}
