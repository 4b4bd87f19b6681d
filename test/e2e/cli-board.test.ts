import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { BoardFacts } from "@parley/protocol";
import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 180_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

async function runShouter(name: string): Promise<RunningCommand> {
  await mesh.join(name, ["--kind", "agent"]);
  return again(name);
}

async function again(name: string): Promise<RunningCommand> {
  const source = JSON.stringify(join(import.meta.dirname, "board-agent.ts"));
  const path = join(mesh.folder, `${name}.ts`);
  writeFileSync(path, `export { shouter as default } from ${source};\n`);
  const agent = start(["run", path, ...at(name)]);
  await agent.json();
  return agent;
}

const shout = (input: object, ...flags: string[]): string[] => [
  "delegate",
  "--any",
  "shout",
  JSON.stringify(input),
  ...flags,
  ...at("ada"),
];
const submitted = async (...line: string[]): Promise<BoardFacts & { taskId: string }> =>
  jsonOf(await parley([...line, "--no-wait"]));
const show = async (task: string) =>
  jsonOf<BoardFacts & { acts: { type: string }[]; output: unknown; error?: { code: string } }>(
    await parley(["task", "show", task, ...at("ada")]),
  );

it("a task for anyone with the skill waits for one, comes back with its result, and is listed, shown and exported", async () => {
  const waiting = await submitted(...shout({ text: "first" }, "--key", "monday"));
  expect(waiting).toMatchObject({ state: "open", starts: 0, attempts: 3 });
  // The same key is the same task.
  expect((await submitted(...shout({ text: "first" }, "--key", "monday"))).taskId).toBe(waiting.taskId);
  const shouter = await runShouter("shouter");
  const done = jsonOf(await parley(["task", "follow", waiting.taskId.slice(0, 8), ...at("ada")]));
  expect(done).toMatchObject({
    output: { said: "FIRST", key: waiting.taskId },
    worker: { name: "shouter" },
    starts: 1,
  });

  const now = jsonOf(await parley(shout({ text: "second" })));
  expect(now).toMatchObject({ state: "completed", output: { said: "SECOND" } });
  const { board } = jsonOf<{ board: BoardFacts[] }>(await parley(["task", "list", ...at("ada")]));
  expect(board.map(({ state }) => state)).toEqual(["completed", "completed"]);

  const file = join(mesh.folder, "task.json");
  jsonOf(await parley(["task", "export", waiting.taskId, "--output", file, ...at("ada")]));
  expect(jsonOf(await parley(["task", "verify", file, ...at("ada")]))).toMatchObject({
    holds: true,
    task: waiting.taskId,
  });
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace('"board"', '"Board"'));
  expect(errorOf(await parley(["task", "verify", file, ...at("ada")]))).toMatchObject({ code: "timeline_broken" });
  await shouter.stop();
});

it("what fails is tried as often as it may be, is a dead letter then, and is tried again when asked", async () => {
  const shouter = await runShouter("hoarse");
  const failed = await parley(shout({ text: "x", fails: true }, "--attempts", "2"));
  expect(errorOf(failed)).toMatchObject({ code: "task_failed" });
  const { task } = JSON.parse(failed.stdout.split("\n")[0] ?? "") as BoardFacts;
  expect(await show(task)).toMatchObject({ state: "failed", reason: "task_failed", starts: 2 });
  expect(jsonOf(await parley(["task", "retry", task, ...at("ada")]))).toMatchObject({ attempts: 4 });
  expect(errorOf(await parley(["task", "follow", task, ...at("ada")]))).toMatchObject({ code: "task_failed" });
  expect((await show(task)).acts.map(({ type }) => type)).toEqual([
    "submitted",
    "failed",
    "failed",
    "retried",
    "failed",
    "failed",
  ]);
  await shouter.stop();
});

it("a task at work is canceled, and one that waits for it is a dead letter", async () => {
  const shouter = await runShouter("slow");
  const first = await submitted(...shout({ text: "x", seconds: 600 }));
  const second = await submitted(...shout({ text: "y" }, "--after", first.taskId));
  expect(second).toMatchObject({ state: "open", waitsFor: [first.taskId] });
  await vi.waitFor(async () => expect((await show(first.taskId)).state).toBe("leased"), { timeout: 20_000 });
  jsonOf(await parley(["task", "cancel", first.taskId, ...at("ada")]));
  expect(await show(first.taskId)).toMatchObject({ state: "canceled" });
  expect(await show(second.taskId)).toMatchObject({ state: "failed", reason: "dependency_failed" });
  expect(errorOf(await parley(["task", "cancel", first.taskId, ...at("ada")]))).toMatchObject({
    code: "task_not_cancelable",
  });
  await shouter.stop();
});

it("a worker that is killed costs one more start, at once when it comes back", async () => {
  const killed = await runShouter("killed");
  const { taskId } = await submitted(...shout({ text: "x", seconds: 6 }));
  await vi.waitFor(async () => expect((await show(taskId)).state).toBe("leased"), { timeout: 20_000, interval: 50 });
  await killed.stop("SIGKILL");
  await again("killed");
  expect(jsonOf(await parley(["task", "follow", taskId, ...at("ada")]))).toMatchObject({
    starts: 2,
    output: { said: "X", key: taskId },
  });
});

it("options of the board without --any, and others with it, are refused", async () => {
  for (const line of [
    ["delegate", "shout", "{}", "--priority", "9"],
    ["delegate", "shout", "{}", "--no-wait"],
    ["delegate", "--any", "shout", "{}", "--explain"],
    ["delegate", "--any", "@shouter/shout", "{}"],
    ["delegate", "--any", "shout", "{}", "--priority", "10"],
    ["delegate", "--any", "shout", "{}", "--attempts", "17"],
    ["delegate", "--any", "shout", "{}", "--deadline", "yesterday"],
  ])
    expect(await parley([...line, ...at("ada")])).toMatchObject({ code: 2 });
});
