import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeCheck, runChecks } from "./checks.ts";
import { root, runChild, toolPath } from "./child.ts";
import { countCommand, countVitest, type Counts } from "./counts.ts";
import { namespaceRights } from "./network-namespaces.ts";
import { findProgram, type SystemProgramName } from "./system-programs.ts";

/** One part of `npm test`. */
export interface Suite {
  readonly name: string;
  readonly about: string;
  /** Programs without which the suite is left out. */
  readonly needs: readonly SystemProgramName[];
  /** The suite is left out while nothing matches this, relative to the root. */
  readonly files: string;
  /** Why it cannot run here for want of something that nobody can install. */
  readonly hindrance?: () => string | undefined;
  readonly run: () => Promise<Counts>;
}

/** A suite that runs longer than this hangs. */
const suiteLimitMs = 900_000;
const fuzzSeconds = 20;
const simSeeds = 5000;
const chaosSeconds = 30;

/** In the order in which they run: what says most, soonest, comes first. */
export const suites: readonly Suite[] = [
  {
    name: "check",
    about: "format, lint, types, unused code, dependencies, versions",
    needs: [],
    files: "scripts/check.ts",
    run: runCheckSuite,
  },
  vitestSuite(
    "unit",
    "packages, and the repository's own rules",
    "{packages/*/test,apps/*/test,test/tidy,test/chaos,test/mutants,test/sim}/**/*.test.ts",
  ),
  vitestSuite("integration", "several packages in one process", "test/integration/**/*.test.ts"),
  vitestSuite("e2e", "real processes", "test/e2e/**/*.test.ts"),
  {
    ...vitestSuite("networks", "real processes on two networks", "test/e2e/*networks.test.ts", ["ip"]),
    hindrance: () => (namespaceRights() === undefined ? "this account may not make network namespaces" : undefined),
  },
  vitestSuite("proxies", "behind nginx and Caddy, by the samples of deploy", "test/proxies/**/*.test.ts", [
    "nginx",
    "caddy",
  ]),
  vitestSuite("traced", "what reaches the disk, by the calls of a process", "test/traced/**/*.test.ts", ["strace"]),
  vitestSuite("foreign", "other WebRTC stacks as peers", "test/foreign/direct.test.ts"),
  vitestSuite(
    "foreign-turn",
    "links through coturn, other WebRTC stacks included",
    "test/foreign/turn{,-capture}.test.ts",
    ["turnserver"],
  ),
  vitestSuite("pty", "the chat in a pseudo-terminal", "test/pty/**/*.test.ts", ["python3"]),
  vitestSuite("python", "members in Python", "test/programs/python.test.ts", ["python3"]),
  vitestSuite("shell", "members in shell", "test/programs/shell.test.ts", ["bash", "jq"]),
  vitestSuite("coordinator", "a model's agent over agents in three languages", "test/programs/coordinator.test.ts", [
    "python3",
    "bash",
    "jq",
  ]),
  vitestSuite("browser", "Chromium against the real thing", "test/browser/**/*.test.ts", ["chromium"]),
  {
    name: "lab",
    about: "agents behind routers of every kind",
    needs: ["ip", "nft", "turnserver"],
    files: "test/lab/main.ts",
    hindrance: () => (namespaceRights() === undefined ? "this account may not make network namespaces" : undefined),
    run: runLabSuite,
  },
  {
    name: "chaos",
    about: `real processes under load, killed and cut off for ${chaosSeconds} s`,
    needs: ["ip", "nft", "turnserver"],
    files: "test/chaos/main.ts",
    hindrance: () => (namespaceRights() === undefined ? "this account may not make network namespaces" : undefined),
    run: runChaosSuite,
  },
  {
    name: "sim",
    about: `${simSeeds} simulated meshes`,
    needs: [],
    files: "test/sim/main.ts",
    run: runSimSuite,
  },
  {
    name: "fuzz",
    about: `hostile bytes for ${fuzzSeconds} s`,
    needs: [],
    files: "test/fuzz/main.ts",
    run: runFuzzSuite,
  },
];

/** Why a suite cannot run here, or undefined if it can. */
export function reasonToLeaveOut(suite: Suite): string | undefined {
  if (globSync(suite.files, { cwd: root }).length === 0) return `nothing matches ${suite.files}`;
  const missing = suite.needs.filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? suite.hindrance?.() : `needs ${missing.join(", ")}`;
}

async function runCheckSuite(): Promise<Counts> {
  const results = await runChecks((result) => process.stdout.write(describeCheck(result)));
  const failures = results.filter((result) => !result.ok).map((result) => result.name);
  return { passed: results.length - failures.length, failed: failures.length, skipped: 0, failures };
}

/** One project of vitest.config.ts. The paths of the programs it needs are in the environment: `PARLEY_CHROMIUM`. */
function vitestSuite(name: string, about: string, files: string, needs: readonly SystemProgramName[] = []): Suite {
  const run = async (): Promise<Counts> => {
    const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
    const report = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const env = Object.fromEntries(needs.map((need) => [`PARLEY_${need.toUpperCase()}`, findProgram(need) ?? ""]));
    try {
      const args = ["run", "--project", name, ...reporters];
      const child = await runChild(toolPath("vitest"), args, { timeoutMs: suiteLimitMs, env });
      return countVitest(report, child.code);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return { name, about, needs, files, run };
}

/** A short run: the long one is `npm run chaos`. */
async function runChaosSuite(): Promise<Counts> {
  const main = join(root, "test", "chaos", "main.ts");
  const bounds = ["--minutes", String(chaosSeconds / 60), "--rate", "100", "--every", "1.5"];
  const child = await runChild(process.execPath, [main, ...bounds], { timeoutMs: suiteLimitMs });
  return countCommand(child.code);
}

async function runSimSuite(): Promise<Counts> {
  const main = join(root, "test", "sim", "main.ts");
  const child = await runChild(process.execPath, [main, "--seeds", String(simSeeds)], { timeoutMs: suiteLimitMs });
  return countCommand(child.code);
}

async function runFuzzSuite(): Promise<Counts> {
  const main = join(root, "test", "fuzz", "main.ts");
  const child = await runChild(process.execPath, [main, "--seconds", String(fuzzSeconds)], { timeoutMs: suiteLimitMs });
  return countCommand(child.code);
}

async function runLabSuite(): Promise<Counts> {
  const main = join(root, "test", "lab", "main.ts");
  const child = await runChild(process.execPath, [main, "--untimed"], { timeoutMs: suiteLimitMs });
  return countCommand(child.code);
}
