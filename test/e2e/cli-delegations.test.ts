import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

interface Given {
  readonly id: string;
  readonly chain: readonly string[];
}

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

function file(name: string, text: string): string {
  const path = join(mesh.folder, name);
  writeFileSync(path, text);
  return path;
}

async function runAgent(name: string): Promise<RunningCommand> {
  await mesh.join(name, ["--kind", "agent"]);
  const source = JSON.stringify(join(import.meta.dirname, "planning-agents.ts"));
  const agent = start(["run", file(`${name}.ts`, `export { ${name} as default } from ${source};\n`), ...at(name)]);
  await agent.json();
  return agent;
}

/** Only people have anything searched. */
const policy = `rules:
  - allow: [see, message]
  - {allow: call, skills: [plan]}
  - {allow: call, who: "kind:person"}
  - {allow: [see, call, message, post, invite, approve], who: "role:operator"}
`;

it("a person lets an agent act for it, gives and passes on chains, and takes them back", async () => {
  await mesh.join("bella", ["--kind", "person"]);
  await runAgent("searcher");
  await runAgent("planner");
  await mesh.join("carl", ["--kind", "agent"]);
  jsonOf(await parley(["policy", "publish", file("policy.yaml", policy), "--yes", ...at("ada")]));

  const plan = (input: object, ...flags: string[]): string[] => [
    "delegate",
    "@planner/plan",
    JSON.stringify(input),
    ...flags,
    ...at("bella"),
  ];
  // Without a mandate the planner has nothing to show.
  expect(errorOf(await parley(plan({ query: "tea" })))).toMatchObject({ code: "bad_delegation" });
  const done = await parley(plan({ query: "tea" }, "--may-call", "sea*", "--may-call-for", "10m"));
  expect(jsonOf(done)).toMatchObject({ type: "result", output: "tea for @bella" });
  expect(done.stdout).toContain('"mayCall":["sea*"]');
  expect(errorOf(await parley(plan({ query: "tea" }, "--may-call", "read")))).toMatchObject({ code: "bad_delegation" });

  // A chain in a file, for whoever does not get it with a task.
  const given = await parley(["delegation", "give", "@carl", "--skills", "search", "--for", "5m", ...at("bella")]);
  const { id, chain } = jsonOf<Given>(given);
  const search = ["delegate", "@searcher/search", '{"query":"rice"}', ...at("carl")];
  expect(errorOf(await parley(search))).toMatchObject({ code: "denied_by_policy" });
  const asJson = file("carl.json", given.stdout);
  expect(jsonOf(await parley([...search, "--as", asJson]))).toMatchObject({ output: "rice for @bella" });
  const asLines = file("carl.chain", `${chain.join("\n")}\n`);
  expect(jsonOf(await parley([...search, "--as", asLines]))).toMatchObject({ output: "rice for @bella" });
  const wider = ["delegation", "give", "@planner", "--skills", "*", "--chain", asLines, ...at("carl")];
  expect(errorOf(await parley(wider))).toMatchObject({ code: "bad_delegation" });
  const passed = ["delegation", "give", "@planner", "--skills", "search", "--chain", "-", ...at("carl")];
  expect(jsonOf<Given>(await parley(passed, { input: chain.join("\n") })).chain).toHaveLength(2);
  expect(errorOf(await parley([...search, "--as", file("no.chain", "no chain")]))).toMatchObject({
    code: "invalid_argument",
  });

  expect(jsonOf(await parley(["delegation", "withdraw", id.slice(0, 8), ...at("bella")]))).toEqual({ withdrawn: id });
  expect(errorOf(await parley([...search, "--as", asLines]))).toMatchObject({ code: "delegation_withdrawn" });
  const { delegations } = jsonOf<{ delegations: readonly { id: string; withdrawn: boolean }[] }>(
    await parley(["delegation", "list", ...at("bella")]),
  );
  expect(delegations.filter(({ withdrawn }) => withdrawn).map((one) => one.id)).toEqual([id]);
  const shown = await parley(["delegation", "list", "--home", mesh.home("bella")]);
  expect(shown.stdout).toMatch(/^DELEGATION +TO +SKILLS/);
  expect(errorOf(await parley(["delegation", "withdraw", "nothing", ...at("bella")]))).toMatchObject({
    code: "not_found",
  });

  // What is under way ends with its delegation.
  const running = start(plan({ query: "for ever" }, "--may-call", "search"));
  for (let line = ""; !line.includes("searching for @bella");) line = await running.line();
  const listed = await parley(["delegation", "list", ...at("bella")]);
  const last = jsonOf<{ delegations: readonly Given[] }>(listed).delegations.at(-1)?.id ?? "";
  const started = performance.now();
  jsonOf(await parley(["delegation", "withdraw", last, ...at("bella")]));
  expect(errorOf(await running.ended)).toMatchObject({ code: "delegation_withdrawn" });
  // Mostly the start of the command that takes it back.
  expect(performance.now() - started).toBeLessThan(30_000);
});
