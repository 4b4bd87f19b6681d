/** The lab's results as tables. */
import { type NatKind, natKinds } from "../../packages/cli/src/stun/nat-kind.ts";
import type { CutResult } from "./cut-trial.ts";
import type { Diagnosis } from "./host-doctor.ts";
import type { PairResult } from "./pair-trial.ts";
import type { RevocationResult, RevokedAtPeer } from "./revocation-trial.ts";

/** What kinds are called where room is short. */
const shortNames: Readonly<Record<NatKind, string>> = {
  public: "public",
  "full-cone": "full",
  "address-restricted": "addr",
  "port-restricted": "port",
  symmetric: "sym",
  "udp-blocked": "blocked",
  "tcp-443-only": "tcp443",
};

/** A kind by its long or short name. */
export const kindNamed = (name: string): NatKind | undefined =>
  natKinds.find((kind) => kind === name || shortNames[kind] === name);

const cellWidth = 14;
const row = (cells: readonly string[]): string =>
  cells
    .map((cell) => cell.padEnd(cellWidth))
    .join("")
    .trimEnd();
const rounded = (value: number | undefined): string => (value === undefined ? "never" : `${Math.round(value)} ms`);

/** Rows are who sent first, columns whom; each cell the path in the end and the time to the link. */
export function describePairs(results: readonly PairResult[]): string {
  const kinds = natKinds.filter((kind) => results.some(({ from, to }) => from === kind || to === kind));
  const cell = (from: NatKind, to: NatKind): string => {
    const result = results.find((each) => each.from === from && each.to === to);
    if (result === undefined) return "";
    return `${result.finalPath ?? "none"}${result.linkMs === undefined ? "" : ` ${Math.round(result.linkMs)}`}`;
  };
  return [
    "Path in the end, and milliseconds from the first send to the link (rows: who sends first):",
    row(["", ...kinds.map((kind) => shortNames[kind])]),
    ...kinds.map((from) => row([shortNames[from], ...kinds.map((to) => cell(from, to))])),
    `First messages went by ${describeFirst(results)}.`,
  ].join("\n");
}

function describeFirst(results: readonly PairResult[]): string {
  const paths = [...new Set(results.map(({ firstPath }) => firstPath ?? "none"))];
  const slowest = Math.max(0, ...results.map(({ firstMs }) => firstMs));
  const counted = paths.map(
    (path) => `${path} (${results.filter((each) => (each.firstPath ?? "none") === path).length})`,
  );
  return `${counted.join(", ")}, the slowest in ${rounded(slowest)}`;
}

export const describeDiagnosis = ({ host, kind, problems }: Diagnosis): string =>
  `doctor on ${host.padEnd(22)} ${kind.padEnd(20)} ${problems.join(", ")}`.trimEnd();

export const describeCut = (cut: CutResult): string =>
  `Cut of a busy direct link: through again after ${rounded(cut.throughMs)} by ${cut.throughPath ?? "nothing"}; ` +
  `back to direct ${rounded(cut.backMs)} after the end of the cut, longest gap ${rounded(cut.gapMs)}; ` +
  `${cut.handled} of ${cut.sent} messages handled, ${cut.wrong} out of order.`;

export const describeRevocation = ({ acceptedMs, sessionMs, peers }: RevocationResult): string =>
  `Revocation, from the operator's act: taken by the registry after ${rounded(acceptedMs)}, the session ended after ${rounded(sessionMs)}; ` +
  `${peers.map(describeRevokedAt).join("; ")}.`;

function describeRevokedAt({ name, path, withheld, knownMs, closedMs, lastHandledMs }: RevokedAtPeer): string {
  const closed = path === "relay" ? "no link" : `link closed ${rounded(closedMs)}`;
  return `${name} (${path}${withheld ? ", the registry's word kept from it" : ""}) knew ${rounded(knownMs)}, ${closed}, last message ${rounded(lastHandledMs)}`;
}
