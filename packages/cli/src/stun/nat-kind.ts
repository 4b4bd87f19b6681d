/** Kinds of network that a device may be in, as far as links are concerned. */

/**
 * `public`: no address translation, and anybody's datagrams arrive. `full-cone`, `address-restricted`, `port-restricted`:
 * one mapping for all destinations, which lets in everyone, whoever's address was sent to, or only whoever's address and
 * port was (RFC 4787: endpoint-independent mapping with the three kinds of filtering). A firewall without translation
 * filters the same way and counts as one of these. `symmetric`: a mapping for each destination. `udp-blocked`: no
 * datagrams pass. `tcp-443-only`: nothing passes but TCP to port 443. `unknown`: it could not be told.
 */
export const natKinds = [
  "public",
  "full-cone",
  "address-restricted",
  "port-restricted",
  "symmetric",
  "udp-blocked",
  "tcp-443-only",
] as const;
export type NatKind = (typeof natKinds)[number];

/** What else there is, besides a direct link. */
export interface PathMeans {
  /** A TURN server that at least one side can use, and does. */
  readonly turn: boolean;
  /** The registry connects both and `relay` is allowed. */
  readonly relay: boolean;
  /** False where `link-policy` forbids direct links. Default true. */
  readonly direct?: boolean;
}

export type ExpectedPath = "direct" | "turn" | "relay" | "none";

const withoutUdp: readonly NatKind[] = ["udp-blocked", "tcp-443-only"];

/** The path that two devices end up on, by what stands before each. The same for both orders. */
export function expectedPath(own: NatKind, peer: NatKind, { turn, relay, direct = true }: PathMeans): ExpectedPath {
  const sealed = relay ? "relay" : "none";
  if (withoutUdp.includes(own) || withoutUdp.includes(peer)) return sealed;
  if (direct && canMeet(own, peer)) return "direct";
  return turn ? "turn" : sealed;
}

/**
 * A symmetric side sends from a port that nobody foretold. A side that filters by address lets it in all the same; one that
 * filters by port does not, and two symmetric ones never learn each other's port.
 */
function canMeet(own: NatKind, peer: NatKind): boolean {
  const strict: readonly NatKind[] = ["port-restricted", "symmetric"];
  if (own === "symmetric") return !strict.includes(peer);
  if (peer === "symmetric") return !strict.includes(own);
  return true;
}
