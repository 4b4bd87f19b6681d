import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { ModelStandIn, type Recording, standInKey } from "../../packages/testkit/src/models/index.ts";
import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

/** Writes an agent with a role, lets it in and runs it, asking the stand-in. */
async function runRole(name: string, role: string, standIn: ModelStandIn): Promise<RunningCommand> {
  const folder = join(mesh.folder, "agents", name);
  const to = ["--provider", "anthropic", "--base-url", `${standIn.origin}/v1`];
  jsonOf(await parley(["init", name, "--role", role, ...to, "--dir", folder, "--json"]));
  jsonOf(await parley(["validate", folder, "--json"]));
  await mesh.join(name, ["--kind", "agent"]);
  const agent = start(["run", folder, ...at(name)], { env: { ANTHROPIC_API_KEY: standInKey } });
  expect(await agent.json()).toMatchObject({ event: "ready", name });
  return agent;
}

async function ask(name: string, question: string): Promise<{ readonly answer: string }> {
  const done = await parley(["delegate", `@${name}/ask`, "--text", question, ...at("ada")]);
  return jsonOf<{ output: { answer: string } }>(done).output;
}

it("an assistant that init wrote answers by its model", async () => {
  const recording: Recording = {
    about: "a question and its answer",
    exchanges: [
      {
        request: { agent: "helper", model: "claude-sonnet-5-5", says: ["What is a mesh?", "@ada", "operator"] },
        response: { answer: { text: "A mesh is agents and people that find each other." } },
      },
    ],
  };
  await using standIn = await ModelStandIn.start(recording);
  await runRole("helper", "assistant", standIn);
  expect(await ask("helper", "What is a mesh?")).toEqual({
    answer: "A mesh is agents and people that find each other.",
  });
  expect(standIn.refused).toEqual([]);
});
