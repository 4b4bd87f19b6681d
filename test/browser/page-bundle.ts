import { join } from "node:path";

import { build } from "esbuild";

/** What esbuild made of a page's entry. */
export interface PageBundle {
  readonly code: string;
  /** Every file in it, relative to the repository. */
  readonly inputs: readonly string[];
  /** What it needs the runtime to find, which a browser cannot. Not here: what is asked for only where WebCrypto is missing. */
  readonly external: readonly string[];
}

/** A package tries Node's own module where there is no WebCrypto: no browser with a secure context gets there. */
const fallback = "crypto";

const isNeeded = ({ external, kind, path }: { external?: boolean; kind: string; path: string }): boolean =>
  external === true && !(kind === "dynamic-import" && path === fallback);

const root = join(import.meta.dirname, "../..");

/** Bundles `page/<name>.ts` for the browser. Modules of Node are left out of the bundle and named in `external`. */
export async function bundlePage(name: string, alias: Readonly<Record<string, string>> = {}): Promise<PageBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join("test/browser/page", `${name}.ts`)],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    external: ["node:*", fallback],
    alias: { ...alias },
    write: false,
    outfile: `${name}.js`,
    metafile: true,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  return {
    code: outputFiles[0]?.text ?? "",
    inputs: Object.keys(metafile.inputs),
    external: (output?.imports ?? []).filter(isNeeded).map(({ path }) => path),
  };
}
