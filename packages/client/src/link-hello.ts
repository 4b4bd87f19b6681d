/** The first frame of a link, one from each side: proves both identities over this very connection. */
import {
  type Link,
  type MeshTrust,
  type OrderNumbers,
  peekStatement,
  signStatement,
  type VerifiedMember,
  verifyStatement,
} from "@parley/core";
import { limits, ParleyError, protocolVersions } from "@parley/protocol";

import type { Identity } from "./identity.ts";
import { highestCommon } from "./session-handshake.ts";

export interface HelloInput {
  readonly identity: Identity;
  readonly trust: MeshTrust;
  readonly boot: string;
  readonly peerDevice: string;
  readonly peerBoot: string;
  readonly link: Link;
  readonly now: number;
}

/** This side's hello. Throws `lease_expired` when the device never had a lease, `closed` when the link is not open. */
export async function makeHello(
  input: HelloInput,
  lease: { readonly lease: string; readonly certificate: string },
): Promise<string> {
  const { identity, trust, link } = input;
  if (link.binding === undefined) throw new ParleyError("closed");
  return signStatement(
    "hello",
    {
      mesh: trust.mesh,
      member: identity.member,
      device: identity.device.id,
      boot: input.boot,
      peerDevice: input.peerDevice,
      peerBoot: input.peerBoot,
      fingerprints: { ...link.binding },
      versions: [...protocolVersions],
      lease: lease.lease,
      certificate: lease.certificate,
      ...trust.orderNumbers,
      operators: trust.operators.number,
      iat: input.now,
    },
    identity.device,
  );
}

export interface ProvenPeer {
  readonly leaseExpires: number;
  /** Numbers of the operators' orders that the other side holds. */
  readonly orders: OrderNumbers;
  /** Number of the operator set that it holds. */
  readonly operators: number;
  readonly version: number;
}

/** Checks the other side's hello. Throws a coded error for whatever is not so. */
export async function verifyHello(compact: string, member: VerifiedMember, input: HelloInput): Promise<ProvenPeer> {
  const { trust, link } = input;
  const device = member.devices.get(input.peerDevice);
  if (device === undefined)
    throw new ParleyError("bad_signature", { message: "A link comes from a device that its member does not list." });
  const hello = await verifyStatement("hello", compact, device.key);
  if (hello.mesh !== trust.mesh) throw new ParleyError("wrong_mesh");
  if (
    hello.member !== member.member ||
    hello.device !== input.peerDevice ||
    hello.peerDevice !== input.identity.device.id
  )
    throw new ParleyError("bad_signature");
  if (hello.boot !== input.peerBoot || hello.peerBoot !== input.boot) throw new ParleyError("replayed");
  if (hello.fingerprints.local !== link.binding?.remote || hello.fingerprints.remote !== link.binding.local)
    throw new ParleyError("fingerprint_mismatch");
  if (Math.abs(hello.iat - input.now) > limits.clockSkewMs)
    throw new ParleyError("clock_skew", {
      message: `The clock of @${member.name} differs too much from this machine's.`,
    });
  if (trust.isRevoked(member.member)) throw new ParleyError("revoked");
  const version = highestCommon(protocolVersions, hello.versions);
  if (version === undefined) throw new ParleyError("unsupported_version");
  const { node, key } = await trust.verifyNode(hello.certificate);
  if (peekStatement("lease", hello.lease).signer !== node)
    throw new ParleyError("bad_signature", { message: "A lease is not signed by the node that it names." });
  const { expires } = await trust.verifyLease(hello.lease, key, { member: member.member, device: input.peerDevice });
  // What an earlier version does not name it is not told: it could not take it.
  const { revocations, policy = 0, restrictions = 0, operators = trust.operators.number } = hello;
  return { leaseExpires: expires, orders: { revocations, policy, restrictions }, operators, version };
}
