/** What `parley doctor` says on a host. */
import type { NatKind } from "../../packages/cli/src/stun/nat-kind.ts";
import type { Host } from "./internet.ts";
import type { LabMesh } from "./lab-mesh.ts";

export interface Diagnosis {
  readonly host: string;
  /** `unknown` when it could not tell. */
  readonly kind: string;
  /** The path towards each kind of peer. */
  readonly paths: Readonly<Record<string, string>>;
  /** Codes of faults and warnings. */
  readonly problems: readonly string[];
}

interface Report {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  readonly findings: readonly { readonly check: string; readonly details?: object }[];
}

export async function diagnose(mesh: LabMesh, host: Host): Promise<Diagnosis> {
  // A network without UDP counts as a fault, with which the command ends.
  const { out, err } = await mesh.terminal(host).start("doctor", "--json").ended;
  const last = out.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`parley doctor on ${host.name}: ${err}${out}`);
  const { faults, warnings, findings } = JSON.parse(last) as Report;
  const detailsOf = (name: string) => findings.find(({ check }) => check === name)?.details;
  const { kind = "none" } = (detailsOf("nat") ?? {}) as { kind?: NatKind | "unknown" };
  const { paths = {} } = (detailsOf("paths") ?? {}) as { paths?: Readonly<Record<string, string>> };
  return { host: host.name, kind, paths, problems: [...faults, ...warnings] };
}
