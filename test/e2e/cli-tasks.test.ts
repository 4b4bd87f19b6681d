import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

const agent = join(import.meta.dirname, "walker-agent.ts");

let mesh: CliMesh;
beforeAll(async () => {
  const end = await shareMesh((shared) => (mesh = shared));
  await mesh.join("walker", ["--kind", "agent"]);
  return end;
}, 60_000);

interface Line {
  readonly type: string;
  readonly number?: number;
  readonly gap?: object;
  readonly task?: { readonly id: string };
  readonly taskId?: string;
  readonly output?: unknown;
  readonly statusUpdate?: { readonly status: { readonly message?: { readonly parts: readonly { text?: string }[] } } };
}

const at = (name: string): readonly string[] => ["--home", mesh.home(name), "--json"];
const noteOf = ({ statusUpdate }: Line): string | undefined => statusUpdate?.status.message?.parts[0]?.text;

/** Runs the agent, with what its tasks wait for. */
async function run(gate: string): Promise<RunningCommand> {
  const env = { WALKER_GATE: gate, WALKER_DIARY: `${gate}.diary` };
  const running = start(["run", agent, ...at("walker")], { env });
  await running.line();
  return running;
}

/** Lines of a command up to one for which the test is true. */
async function linesUntil(running: RunningCommand, isEnough: (line: Line) => boolean): Promise<Line[]> {
  const lines: Line[] = [];
  for (;;) {
    const line = await running.json<Line>();
    lines.push(line);
    if (isEnough(line)) return lines;
  }
}

const idIn = (lines: readonly Line[]): string => lines.find(({ task }) => task !== undefined)?.task?.id ?? "";

it("a resumable task goes on where it was when its agent is killed", { timeout: 120_000 }, async () => {
  const gate = join(mesh.folder, "gate-1");
  const first = await run(gate);
  const walk = start(["delegate", "@walker/walk", "{}", ...at("ada")]);
  const id = idIn(await linesUntil(walk, (line) => noteOf(line) === "at the gate"));
  await first.stop("SIGKILL");
  const second = await run(gate);
  writeFileSync(gate, "");
  const result = (await linesUntil(walk, ({ type }) => type === "result")).at(-1);
  expect(result).toMatchObject({ taskId: id, output: { from: 2, starts: 2 } });
  expect((await walk.ended).code).toBe(0);
  expect(readFileSync(`${gate}.diary`, "utf8").trim().split("\n")).toEqual([1, 2, 3, 4].map((step) => `${id} ${step}`));
  await second.stop();
});

it("a task is followed again after its caller was killed, from its last event", { timeout: 120_000 }, async () => {
  const gate = join(mesh.folder, "gate-2");
  const running = await run(gate);
  const asking = start(["delegate", "@walker/stroll", "{}", ...at("ada")]);
  const lines = await linesUntil(asking, (line) => noteOf(line) === "at the gate");
  const [id, last] = [idIn(lines), lines.at(-1)?.number ?? 0];
  await vi.waitUntil(
    async () => {
      const { tasks } = jsonOf<{ tasks: { id: string; last: number }[] }>(await parley(["task", "list", ...at("ada")]));
      return tasks.some((task) => task.id === id && task.last === last);
    },
    { interval: 200, timeout: 30_000 },
  );
  await asking.stop("SIGKILL");
  expect(existsSync(gate)).toBe(false);
  const again = start(["task", "follow", id.slice(0, 8), ...at("ada")]);
  writeFileSync(gate, "");
  const rest = await linesUntil(again, ({ type }) => type === "result");
  expect(rest.flatMap((line) => noteOf(line) ?? [])).toEqual(["step 3", "step 4"]);
  expect(rest.flatMap(({ number }) => number ?? [])[0]).toBe(last + 1);
  expect(rest.at(-1)).toMatchObject({ taskId: id, output: { from: 0, starts: 1 } });
  expect((await again.ended).code).toBe(0);

  const file = join(mesh.folder, "task.json");
  jsonOf(await parley(["task", "export", id, "--output", file, ...at("ada")]));
  await running.stop();
  const verified = jsonOf<{ holds: boolean; pinned: boolean; task: string; entries: { act: { type: string } }[] }>(
    await parley(["task", "verify", file, ...at("ada")]),
  );
  expect(verified).toMatchObject({ holds: true, pinned: true, task: id });
  expect(verified.entries.at(-1)).toMatchObject({ act: { type: "state", state: "TASK_STATE_COMPLETED" } });
  writeFileSync(file, readFileSync(file, "utf8").replace("task", "tasl"));
  const changed = await parley(["task", "verify", file, ...at("ada")]);
  expect(errorOf(changed).code).toBe("timeline_broken");
});

it("a task that its agent forgot when it was killed ends as interrupted", { timeout: 120_000 }, async () => {
  const gate = join(mesh.folder, "gate-3");
  const running = await run(gate);
  const asking = start(["delegate", "@walker/stroll", "{}", ...at("ada")]);
  const id = idIn(await linesUntil(asking, (line) => noteOf(line) === "at the gate"));
  await running.stop("SIGKILL");
  const again = await run(gate);
  const ended = await asking.ended;
  expect([ended.code, errorOf(ended).code]).toEqual([1, "interrupted"]);
  expect(id).not.toBe("");
  await again.stop();
});
