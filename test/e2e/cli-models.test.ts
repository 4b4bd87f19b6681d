import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { ModelStandIn, type Recording, standInKey } from "../../packages/testkit/src/models/index.ts";
import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 240_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

const recordingOf = (role: string): Recording =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "fixtures", "models", "roles", `${role}.json`), "utf8"),
  ) as Recording;

/** Members that are in: a registry lets few in in a minute, so that roles take turns in one home. */
const joined = new Set<string>();

/** Lets an agent in, once, and runs it. */
async function run(name: string, path: string, env: Readonly<Record<string, string>> = {}): Promise<RunningCommand> {
  if (!joined.has(name)) await mesh.join(name, ["--kind", "agent"]);
  joined.add(name);
  const agent = start(["run", path, ...at(name)], { env });
  expect(await agent.json()).toMatchObject({ event: "ready", name });
  return agent;
}

/** Writes an agent with a role and runs it, asking the stand-in. */
async function runRole(name: string, role: string, standIn: ModelStandIn): Promise<RunningCommand> {
  const folder = join(mesh.folder, "agents", role);
  const to = ["--provider", "anthropic", "--base-url", `${standIn.origin}/v1`];
  jsonOf(await parley(["init", role, "--role", role, ...to, "--dir", folder, "--json"]));
  return run(name, folder, { ANTHROPIC_API_KEY: standInKey });
}

async function ask(name: string, question: string, ...more: string[]): Promise<string> {
  const done = await parley(["delegate", `@${name}/ask`, "--text", question, ...more, ...at("ada")]);
  return jsonOf<{ output: { answer: string } }>(done).output.answer;
}

/** An agent in a file: one skill, that gives this. */
function writeWorker(name: string, skill: string, gives: string): string {
  const path = join(mesh.folder, `${name}.ts`);
  writeFileSync(
    path,
    `import { existsSync, writeFileSync } from "node:fs";
import { createAgent, defineSkill } from "@parley/agent";
import { z } from "zod";
const work = defineSkill({
  id: "${skill}",
  description: "Tells about a ${skill}",
  input: z.looseObject({}),
  output: z.looseObject({}),
  run: async (input, { from }) => { ${gives} },
});
export default createAgent({ name: "${name}", skills: [work] });
`,
  );
  return path;
}

it.each([
  ["assistant", "What is a mesh?", "find each other"],
  ["analyst", "What is there to say about 4, 8, 15, 16, 23, 42?", "The sum is 108"],
  ["writer", "Write it up: 41 tents in store [@keeper].", "We have 41 tents in store [@keeper]"],
  ["reviewer", "We have many tents. Reviewer, say accept.", "accept after changes"],
])("an agent that init wrote as %s answers its task", async (role, question, answer) => {
  await using standIn = await ModelStandIn.start(recordingOf(role));
  await runRole("thinker", role, standIn);
  expect(await ask("thinker", question)).toContain(answer);
  expect(standIn.refused).toEqual([]);
  expect(standIn.unasked).toBe(0);
});

it("a researcher finds who knows, asks, and cites", async () => {
  await using standIn = await ModelStandIn.start(recordingOf("researcher"));
  await run("keeper", writeWorker("keeper", "count", "return { thing: input.thing, count: 41 };"));
  await runRole("thinker", "researcher", standIn);
  expect(await ask("thinker", "How many tents are in store?")).toBe("There are 41 tents in store [@keeper].");
  expect(standIn.refused).toEqual([]);
});

it("a coordinator gives three parts away at once, survives one dying, asks a person once, and cites", async () => {
  await using standIn = await ModelStandIn.start(recordingOf("coordinator"));
  const marker = join(mesh.folder, "taken");
  // Whichever is asked first says so, and works until it is killed; the other one answers.
  const store = writeWorker(
    "store",
    "stock",
    `if (existsSync("${marker}")) return { thing: input.thing, count: 41 };
     writeFileSync("${marker}", String(process.pid));
     return new Promise(() => {});`,
  );
  await run("dealer", writeWorker("dealer", "price", "return { each: 95 };"));
  await run("watcher", writeWorker("watcher", "forecast", 'return { sky: "rain" };'));
  const stores = [await run("store-one", store), await run("store-two", store)];
  await runRole("thinker", "coordinator", standIn);
  const answer = ask("thinker", "Do we need more tents for 60 guests?", "--answer", "one each");
  await expect.poll(() => existsSync(marker), { timeout: 60_000 }).toBe(true);
  const dying = stores.find(({ child }) => String(child.pid) === readFileSync(marker, "utf8"));
  await dying?.stop("SIGKILL");
  expect(await answer).toContain("41 tents [@store]");
  expect(standIn.refused).toEqual([]);
  expect(standIn.unasked).toBe(0);
});

it("a role, a provider or a key that is not there is told by name", async () => {
  const init = (...flags: string[]): ReturnType<typeof parley> =>
    parley(["init", "x", "--dir", join(mesh.folder, "x"), "--json", ...flags]);
  expect(errorOf(await init("--role", "coordinater")).message).toContain("did you mean coordinator?");
  expect(errorOf(await init("--provider", "opnai")).message).toContain("there are anthropic, openai");
  expect(errorOf(await init("--provider", "azure")).message).toContain("azure needs --model and --base-url");
  jsonOf(await init("--provider", "openai"));
  const run = await parley(["run", join(mesh.folder, "x"), ...at("thinker")]);
  expect(errorOf(run)).toMatchObject({
    code: "invalid_config",
    message: expect.stringContaining("OPENAI_API_KEY is not set") as string,
  });
});
