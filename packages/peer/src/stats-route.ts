/** The route of a link, out of a W3C statistics report. */
import type { LinkRoute } from "@parley/core";

interface CandidateStats {
  readonly candidateType?: string;
  readonly protocol?: string;
  readonly address?: string | null;
  readonly port?: number;
}

interface PairStats {
  readonly type: string;
  readonly nominated?: boolean;
  readonly state?: string;
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
}

/** The pair that carries the data, or undefined while there is none. `isRemoteRelay` knows the TURN addresses that were signalled. */
export function routeOf(
  report: { forEach(visit: (entry: unknown, id: string) => void): void },
  isRemoteRelay: (address: string, port: number) => boolean,
): LinkRoute | undefined {
  const entries = new Map<string, unknown>();
  report.forEach((entry, id) => entries.set(id, entry));
  const pair = selectedPair(entries);
  const local = entries.get(pair?.localCandidateId ?? "") as CandidateStats | undefined;
  const remote = entries.get(pair?.remoteCandidateId ?? "") as CandidateStats | undefined;
  if (local === undefined || remote === undefined) return undefined;
  const turn =
    local.candidateType === "relay" ||
    remote.candidateType === "relay" ||
    isRemoteRelay(remote.address ?? "", remote.port ?? 0);
  return { path: turn ? "turn" : "direct", local: describeStats(local), remote: describeStats(remote) };
}

function selectedPair(entries: ReadonlyMap<string, unknown>): PairStats | undefined {
  let nominated: PairStats | undefined;
  for (const entry of entries.values()) {
    const stats = entry as PairStats & { readonly selectedCandidatePairId?: string };
    const named = stats.type === "transport" ? entries.get(stats.selectedCandidatePairId ?? "") : undefined;
    if (named !== undefined) return named as PairStats;
    if (stats.type === "candidate-pair" && stats.nominated === true && stats.state === "succeeded") nominated ??= stats;
  }
  return nominated;
}

/** Browsers leave the address out, or empty, where it would tell the page too much. */
function describeStats({ candidateType = "unknown", protocol = "udp", address, port = 0 }: CandidateStats): string {
  const known = address ?? "";
  const shown = known === "" ? "?" : known.includes(":") ? `[${known}]` : known;
  return `${candidateType} ${protocol} ${shown}:${port}`;
}
