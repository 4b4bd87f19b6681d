import { join } from "node:path";

/** The folder to answer from: `LIBRARY_DIR`, else the documents of this repository. */
export function libraryFolder(): string {
  const chosen = process.env["LIBRARY_DIR"];
  return chosen === undefined || chosen === "" ? join(import.meta.dirname, "..", "..", "..", "docs") : chosen;
}
