import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { generatedFiles } from "./docs/generated-files.ts";

// Writes every generated document, schema and test vector.
for (const [path, text] of await generatedFiles()) {
  const target = join(import.meta.dirname, "..", path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  process.stdout.write(`${path}\n`);
}
