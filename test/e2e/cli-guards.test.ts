import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

/** Answers everybody politely. */
const polite = `
import { createAgent } from "@parley/agent";
const words = ["Thank you!", "You are welcome!", "Thanks again!", "Always happy to help!"];
let turn = 0;
export default createAgent({
  name: "polite",
  skills: [],
  onMessage: async ({ from }, mesh) => void (await mesh.send("@" + from.name, words[turn++ % 4], { waitMs: 0 })),
});
`;

it("attention is set and shown beside a running agent, and holds messages back until it is open again", async () => {
  await mesh.join("worker", ["--kind", "agent"]);
  // Not an operator: those are heard at any time.
  await mesh.join("bella", ["--kind", "person"]);
  const file = join(mesh.folder, "worker.ts");
  writeFileSync(file, polite);
  const agent = start(["run", file, ...at("worker")]);
  await agent.json();
  const set = jsonOf(await parley(["attention", "set", "do-not-disturb", "--for", "1h", ...at("worker")]));
  expect(set).toMatchObject({ mode: "do-not-disturb", until: expect.any(Number) as number });
  const sent = await parley(["send", "@worker", "hello", ...at("bella")]);
  expect(jsonOf(sent)).toMatchObject({ state: "delivered" });
  const list = (): ReturnType<typeof parley> => parley(["delivery", "list", "--in", ...at("worker")]);
  expect((await list()).stdout).not.toContain('"handled"');
  expect(jsonOf(await parley(["attention", "set", "open", ...at("worker")]))).toEqual({ mode: "open" });
  await expect.poll(async () => (await list()).stdout, { timeout: 60_000 }).toContain('"handled"');
  expect(jsonOf(await parley(["attention", "set", "manifest", ...at("worker")]))).toEqual({ mode: "manifest" });
  expect(errorOf(await parley(["attention", "set", "closed", ...at("worker")]))).toMatchObject({
    code: "invalid_argument",
  });
});

it("agents that thank each other stand still, are listed, and go on when told to", async () => {
  for (const name of ["one", "two"]) {
    await mesh.join(name, ["--kind", "agent"]);
    const file = join(mesh.folder, `${name}.ts`);
    writeFileSync(file, polite);
    await start(["run", file, ...at(name)]).json();
  }
  // Whoever begins is neither of them: the first word of the one goes out through its own running process.
  jsonOf(await parley(["send", "@two", "The summary is ready.", ...at("one")]));
  interface Guards {
    readonly loops: readonly { readonly name: string }[];
  }
  const loops = async (name: string): Promise<readonly string[]> =>
    jsonOf<Guards>(await parley(["guard", "list", ...at(name)])).loops.map((loop) => loop.name);
  const stopped = async (): Promise<readonly string[]> => [...(await loops("one")), ...(await loops("two"))];
  await expect.poll(stopped, { timeout: 60_000 }).not.toEqual([]);
  const [first] = await loops("one");
  const [who, name] = first === undefined ? ["two", "@one"] : ["one", first];
  expect(jsonOf(await parley(["guard", "resume", name, ...at(who)]))).toMatchObject({
    resumed: expect.any(String) as string,
  });
  expect(errorOf(await parley(["guard", "admit", "edge/none", ...at(who)]))).toMatchObject({ code: "not_found" });
});
