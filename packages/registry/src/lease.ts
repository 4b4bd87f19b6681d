import { type Signer, signStatement } from "@parley/core";

export interface LeaseIssuer {
  readonly mesh: string;
  readonly nodeKey: Signer;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly leaseMs: number;
}

/** A membership lease for a device: never longer than its member's admission. */
export function issueLease(
  issuer: LeaseIssuer,
  member: string,
  device: string,
  admissionExpires: number,
): Promise<string> {
  const { mesh, nodeKey, now, leaseMs } = issuer;
  return signStatement(
    "lease",
    { mesh, member, device, iat: now, exp: Math.min(now + leaseMs, admissionExpires) },
    nodeKey,
  );
}
