import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { ModelStandIn, type Recording, standInKey } from "../../packages/testkit/src/models/index.ts";
import { jsonOf, parley, type RunningCommand, start } from "../e2e/cli-process.ts";
import { type ProgramMesh, shareProgramMesh } from "./program-mesh.ts";
import { parleyCommand, Program } from "./program.ts";

const { PARLEY_PYTHON3: python = "python3" } = process.env;
const repository = join(import.meta.dirname, "..", "..");
const testMs = 240_000;

let mesh: ProgramMesh;
beforeAll(() => shareProgramMesh((shared) => (mesh = shared)), testMs);

const recording = (): Recording =>
  JSON.parse(readFileSync(join(repository, "test", "fixtures", "models", "coordinator.json"), "utf8")) as Recording;

/** The example's folder, whose model is at another place. */
function exampleAt(baseUrl: string): string {
  const folder = join(mesh.folder, "coordinator-agent");
  cpSync(join(repository, "examples", "coordinator"), folder, { recursive: true });
  const manifest = join(folder, "agent.yaml");
  const text = readFileSync(manifest, "utf8");
  writeFileSync(manifest, text.replace("model:\n", `model:\n  baseUrl: ${baseUrl}\n`));
  return folder;
}

async function run(name: string, path: string, env: Readonly<Record<string, string>>): Promise<RunningCommand> {
  await mesh.join(name, ["--kind", "agent"]);
  const agent = start(["run", path, "--home", mesh.home(name), "--json"], { env });
  expect(await agent.json()).toMatchObject({ event: "ready", name });
  return agent;
}

/** A folder with a `wc` that says who counts first, and never comes to an end for that one. */
function slowFirstCount(marker: string): string {
  const folder = join(mesh.folder, "slow");
  mkdirSync(folder);
  const wc = join(folder, "wc");
  writeFileSync(
    wc,
    `#!/bin/bash
if mkdir "${marker}.taken" 2>/dev/null; then echo "$PARLEY_HOME" > "${marker}.part"; mv "${marker}.part" "${marker}"; sleep 1000; fi
exec /usr/bin/wc "$@"
`,
  );
  chmodSync(wc, 0o755);
  return `${folder}:${process.env["PATH"] ?? ""}`;
}

it(
  "a coordinator with a model lets agents in three languages work, survives one dying, asks a person once, and cites",
  { timeout: testMs },
  async () => {
    await using standIn = await ModelStandIn.start(recording());
    const marker = join(mesh.folder, "counts");
    await run("librarian", join(repository, "examples", "librarian"), {
      LIBRARY_DIR: join(repository, "examples", "coordinator", "notes"),
    });
    await mesh.hold("painter");
    const painter = new Program(python, ["examples/python-agent/agent.py"], { PARLEY_HOME: mesh.home("painter") });
    expect(await painter.line()).toBe("@painter is ready");
    const path = slowFirstCount(marker);
    const tallies = new Map<string, Program>();
    for (const name of ["tally-one", "tally-two"]) {
      await mesh.hold(name);
      const env = { PARLEY: parleyCommand, PARLEY_HOME: mesh.home(name), PATH: path };
      const tally = new Program("bash", ["examples/shell-agent/agent.sh"], env);
      expect(await tally.line()).toBe("ready");
      tallies.set(mesh.home(name), tally);
    }
    await run("coordinator", exampleAt(`${standIn.origin}/v1`), { ANTHROPIC_API_KEY: standInKey });
    const question = "How far is the Moon, by our notes and on average, and how long is our headline?";
    const asking = ["--text", question, "--answer", "kilometres", "--home", mesh.home("ada"), "--json"];
    const asked = parley(["delegate", "@coordinator/ask", ...asking]);
    await expect.poll(() => existsSync(marker), { timeout: 60_000 }).toBe(true);
    await tallies.get(readFileSync(marker, "utf8").trim())?.kill("SIGKILL");
    const { output } = jsonOf<{ output: { answer: string } }>(await asked);
    expect(output.answer).toContain("[moon.md:3, by @librarian]");
    expect(output.answer).toContain("382,533 [@painter]");
    expect(output.answer).toContain("5 words [@tally]");
    expect(standIn.refused).toEqual([]);
    expect(standIn.unasked).toBe(0);
    expect([...new Set(standIn.seen.map(({ wire }) => wire))]).toEqual(["anthropic"]);
  },
);
