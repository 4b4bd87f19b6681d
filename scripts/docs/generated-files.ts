import { readFileSync } from "node:fs";
import { join } from "node:path";

import { sidecarVectors } from "../vectors/sidecar-lines.ts";
import { makeVectors } from "../vectors/vectors.ts";
import { dependencyTables } from "./dependency-tables.ts";
import { pathTable } from "./path-table.ts";
import { makeSchemas } from "./schemas.ts";
import { makeSidecarSchemas, operationsTable } from "./sidecar-schemas.ts";
import { errorsDocument, limitsDocument, protocolTables } from "./tables.ts";

const root = join(import.meta.dirname, "..", "..");
const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;
const inFolder = (folder: string, files: Readonly<Record<string, object>>): (readonly [string, string])[] =>
  Object.entries(files).map(([name, value]) => [`${folder}/${name}`, json(value)]);

/** Every generated file: path from the root, and what it has to hold. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["docs/dependencies.md", withTables("docs/dependencies.md", dependencyTables())],
    ["docs/errors.md", errorsDocument()],
    ["docs/limits.md", limitsDocument()],
    ["docs/networks.md", withTables("docs/networks.md", { paths: pathTable() })],
    ["docs/protocol.md", withTables("docs/protocol.md", protocolTables())],
    ...inFolder("packages/protocol/schema", makeSchemas()),
    ...inFolder("packages/protocol/vectors", await makeVectors()),
    ["docs/sidecar.md", withTables("docs/sidecar.md", { operations: operationsTable() })],
    ...inFolder("packages/sidecar/schema", makeSidecarSchemas()),
    ...inFolder("packages/sidecar/vectors", sidecarVectors()),
  ]);
}

/** A page with its parts between `<!-- generated: name -->` and `<!-- end -->` made anew. Throws for an unknown name. */
function withTables(path: string, tables: Readonly<Record<string, string>>): string {
  const page = readFileSync(join(root, path), "utf8");
  return page.replaceAll(/<!-- generated: (\w+) -->\n[\s\S]*?<!-- end -->/g, (_part, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`${path}: no table is called ${name}`);
    return `<!-- generated: ${name} -->\n${table}\n<!-- end -->`;
  });
}
