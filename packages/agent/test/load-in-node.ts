import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const entry = join(import.meta.dirname, "..", "src", "index.ts");
const script = `
  const { loadAgent } = await import(${JSON.stringify(entry)});
  for (const path of process.argv.slice(1)) try {
    const { manifest, skills, instructions } = await loadAgent(path);
    console.log(JSON.stringify({ name: manifest.name, skills: skills.map(({ id }) => id), instructions, seen: process.env.SEEN, kept: process.env.KEPT }));
  } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: error.message, data: error.data }));
  }`;

/**
 * Loads agents in a Node of its own, as `parley run` does (the test runner would resolve modules its own way): what each
 * turned out to be, or why not, and what Node said on stderr.
 */
export async function loadInNode(
  paths: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly results: readonly unknown[]; readonly stderr: string }> {
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script, ...paths];
  const run = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env["PATH"], ...env } });
  return {
    results: run.stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line)),
    stderr: run.stderr,
  };
}
