/** Which workspace packages the sources of a package may import. `*` at the end of a name stands for any ending. */
const layers: Readonly<Record<string, readonly string[] | "all">> = {
  protocol: [],
  core: ["protocol"],
  client: ["protocol", "core"],
  peer: ["protocol", "core"],
  registry: ["protocol", "core"],
  mls: ["protocol", "core"],
  "store-*": ["protocol", "core"],
  testkit: "all",
  sidecar: ["protocol", "core", "client"],
  agent: ["protocol", "core", "client"],
  model: ["protocol", "core", "client", "agent"],
  chat: ["protocol", "core", "client"],
  door: ["protocol", "core", "client"],
  "bridge-*": ["protocol", "core", "client", "agent"],
  sdk: "all",
  cli: "all",
};

/** Packages that run in a browser too. Their files named `node.ts`, or in a folder `node`, are Node's own entries. */
export const anywhere: readonly string[] = ["protocol", "core", "client", "mls", "store-indexeddb"];

/** The row of a package, or undefined for one that has none. */
export function layerOf(packageName: string): readonly string[] | "all" | undefined {
  const key = Object.keys(layers).find((name) =>
    name.endsWith("*") ? packageName.startsWith(name.slice(0, -1)) : name === packageName,
  );
  return key === undefined ? undefined : layers[key];
}
