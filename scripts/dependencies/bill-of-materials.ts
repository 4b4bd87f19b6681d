import { createHash } from "node:crypto";

import { licenceOf } from "./licences.ts";
import { type ForeignPackage, type LockFile, ownPaths, productionPackages, resolvePlace } from "./lock-file.ts";

interface Component {
  readonly type: "application" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly scope?: "required" | "optional";
  readonly purl: string;
  readonly licenses: readonly object[];
  readonly hashes?: readonly object[];
}

export interface BillOfMaterials {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly lifecycles: readonly object[]; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * What runs when Parley runs, as CycloneDX 1.6: every foreign package of the lock file with its version, licence and hash, and
 * who needs whom. The same lock file gives the same bytes: no time, no machine, no address.
 */
export function billOfMaterials(lock: LockFile): BillOfMaterials {
  const packages = productionPackages(lock);
  const own = lock.packages[""];
  const name = own?.name ?? "";
  const component: Component = {
    type: "application",
    "bom-ref": name,
    name,
    version: own?.version ?? "",
    purl: `pkg:npm/${name}@${own?.version ?? ""}`,
    licenses: [{ license: { id: own?.license ?? "" } }],
  };
  const components = packages.map(componentOf);
  const direct = ["", ...ownPaths(lock)].flatMap((path) => {
    const { dependencies, optionalDependencies } = lock.packages[path] ?? {};
    return Object.keys({ ...dependencies, ...optionalDependencies }).map((needed) => resolvePlace(lock, path, needed));
  });
  const refs = new Map(packages.map((foreign) => [foreign.path, refOf(foreign)]));
  const refsOf = (places: readonly (string | undefined)[]): readonly string[] =>
    [...new Set(places.map((place) => refs.get(place ?? "")).filter((ref) => ref !== undefined))].toSorted();
  const dependencies = [
    { ref: name, dependsOn: refsOf(direct) },
    ...packages.map((foreign) => ({ ref: refOf(foreign), dependsOn: refsOf(foreign.needs) })),
  ];
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([components, dependencies]))}`,
    version: 1,
    metadata: { lifecycles: [{ phase: "pre-build" }], component },
    components,
    dependencies,
  };
}

/** The place, since one version of a package may lie in two. */
const refOf = ({ path, version }: ForeignPackage): string => `${path}@${version}`;

function componentOf(foreign: ForeignPackage): Component {
  const { name, version, entry } = foreign;
  const [group, rest] = name.startsWith("@") ? name.split("/") : [undefined, name];
  const licence = licenceOf(entry.license) ?? "";
  return {
    type: "library",
    "bom-ref": refOf(foreign),
    name: rest ?? name,
    ...(group === undefined ? {} : { group }),
    version,
    scope: entry.optional === true ? "optional" : "required",
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    licenses: licence.includes(" ") ? [{ expression: licence }] : [{ license: { id: licence } }],
    hashes: hashesOf(entry.integrity),
  };
}

/** Subresource integrity to CycloneDX: base64 to hex. */
function hashesOf(integrity: string | undefined): readonly object[] {
  return (integrity ?? "")
    .split(" ")
    .filter((hash) => hash.startsWith("sha512-"))
    .map((hash) => ({ alg: "SHA-512", content: Buffer.from(hash.slice("sha512-".length), "base64").toString("hex") }));
}

/** A UUID of version 8 (RFC 9562 section 5.8) by content. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex").slice(0, 32);
  const marked = `${hex.slice(0, 12)}8${hex.slice(13, 16)}a${hex.slice(17)}`;
  return marked.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
