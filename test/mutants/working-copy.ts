import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { root, runChild } from "../../scripts/child.ts";
import type { Mutant } from "./mutants.ts";

/** What the tests said in a copy. */
export interface TestRun {
  readonly passed: number;
  /** Titles of the tests that failed. */
  readonly failed: readonly string[];
  /** Whether every file could be loaded: a mutant that does not even run proves nothing. */
  readonly loaded: boolean;
  readonly output: string;
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const testsMs = 300_000;

/** A copy of the working tree, its packages linked to each other, in which sources may be spoilt. */
export class WorkingCopy {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static make(): WorkingCopy {
    const folder = mkdtempSync(join(tmpdir(), "parley-mutants-"));
    const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
    for (const path of listed.toString().split("\0")) {
      if (path === "" || !existsSync(join(root, path))) continue;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      cpSync(join(root, path), join(folder, path));
    }
    linkModules(folder);
    return new WorkingCopy(folder);
  }

  /** Runs the tests with one piece of a source replaced. Throws when that piece is not there exactly once. */
  async withMutant(mutant: Mutant, work: () => Promise<TestRun>): Promise<TestRun> {
    const path = join(this.#folder, mutant.file);
    const before = readFileSync(path, "utf8");
    writeFileSync(path, mutated(before, mutant));
    try {
      return await work();
    } finally {
      writeFileSync(path, before);
    }
  }

  async test({ project, files }: Mutant["tests"]): Promise<TestRun> {
    const report = join(this.#folder, "report.json");
    rmSync(report, { force: true });
    const vitest = join(this.#folder, "node_modules", "vitest", "vitest.mjs");
    const args = [
      "run",
      "--root",
      this.#folder,
      "--project",
      project,
      "--bail=1",
      "--reporter=json",
      `--outputFile=${report}`,
      ...files,
    ];
    const { output } = await runChild(process.execPath, [vitest, ...args], { capture: true, timeoutMs: testsMs });
    if (!existsSync(report)) return { passed: 0, failed: [], loaded: false, output };
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
    const failed = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === "failed")
      .map(({ fullName }) => fullName);
    const loaded = testResults.every(
      ({ status, assertionResults }) => status === "passed" || assertionResults.length > 0,
    );
    return { passed: numPassedTests, failed, loaded, output };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A source with its piece replaced. Throws when the piece is not there exactly once. */
export function mutated(source: string, { name, file, search, replace }: Mutant): string {
  const parts = source.split(search);
  if (parts.length !== 2)
    throw new Error(`${name}: ${file} has its piece ${parts.length - 1} times; the table has to follow the source`);
  return parts.join(replace);
}

/** Everything that npm installed, as it is; the workspace's own packages are those of the copy. */
function linkModules(folder: string): void {
  const installed = join(root, "node_modules");
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@parley"), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name === "@parley" || lstatSync(join(installed, name)).isSymbolicLink()) continue;
    symlinkSync(join(installed, name), join(modules, name));
  }
  for (const name of readdirSync(join(folder, "packages")))
    symlinkSync(join(folder, "packages", name), join(modules, "@parley", name));
}
