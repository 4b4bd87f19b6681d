import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Agent {
  readonly name: string;
  readonly state: string;
  readonly pid?: number;
  readonly restarts: number;
  readonly tasks?: number;
  readonly memoryBytes?: number;
  readonly reason?: string;
}

const skill = (id: string): string => `
import { defineSkill } from "@parley/agent";
import { z } from "zod";
console.log("here is ${id}");
export const skill = defineSkill({ id: "${id}", input: z.object({}), output: z.string(), run: () => "${id} by " + process.env.WORD });
`;

/** A folder of agents that are members of the mesh; each answers a skill with its name. */
async function agentsIn(folder: string, names: readonly string[]): Promise<string> {
  const path = join(mesh.folder, folder);
  for (const name of names) {
    mkdirSync(join(path, name, "skills"), { recursive: true });
    writeFileSync(join(path, name, "agent.yaml"), `name: ${name}\nenv: [WORD]\n`);
    writeFileSync(join(path, name, "skills", "skill.ts"), skill(name));
    await mesh.join(name, ["--kind", "agent", "--home", join(path, name, ".parley")]);
  }
  return path;
}

const list = async (folder: string): Promise<readonly Agent[]> =>
  jsonOf<{ agents: Agent[] }>(await parley(["ps", "--folder", folder, "--json"])).agents;
const agent = async (folder: string, name: string): Promise<Agent | undefined> =>
  (await list(folder)).find((each) => each.name === name);
const untilRunning = (folder: string, name: string): Promise<unknown> =>
  expect.poll(() => agent(folder, name), { timeout: 60_000 }).toMatchObject({ state: "running" });
const lives = (pid: number): boolean => {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
};

async function supervise(folder: string): Promise<RunningCommand> {
  const supervisor = start(["run", "--all", folder, "--json"], { env: { WORD: "heart" } });
  await supervisor.json();
  return supervisor;
}

it("runs each agent of a folder, starts again what is killed, and leaves the others alone", async () => {
  const folder = await agentsIn("crew", ["first", "second"]);
  const supervisor = await supervise(folder);
  await Promise.all([untilRunning(folder, "first"), untilRunning(folder, "second")]);
  const answer = await parley(["delegate", "first", "{}", "--home", mesh.home("ada"), "--json"]);
  expect(answer.stdout).toContain("first by heart");
  const before = await list(folder);
  const [first, second] = before.map(({ pid }) => pid ?? 0);
  process.kill(first ?? 0, "SIGKILL");
  await expect.poll(() => agent(folder, "first"), { timeout: 60_000 }).toMatchObject({ state: "running", restarts: 1 });
  expect((await agent(folder, "first"))?.pid).not.toBe(first);
  expect(await agent(folder, "second")).toMatchObject({ pid: second, restarts: 0 });
  await expect
    .poll(() => agent(folder, "second"), { timeout: 30_000 })
    .toMatchObject({ tasks: 0, cpu: expect.any(Number) as number, memoryBytes: expect.any(Number) as number });
  const logs = await parley(["logs", "first", "--folder", folder]);
  expect(logs.stdout).toContain("here is first");
  expect(logs.stdout).toContain("ended by itself: signal SIGKILL");
  const stopped = jsonOf<{ stopped: string[] }>(await parley(["stop", "first", "--folder", folder, "--json"]));
  expect(stopped.stopped).toEqual(["first"]);
  expect(await agent(folder, "first")).toMatchObject({ state: "stopped" });
  jsonOf(await parley(["restart", "first", "--folder", folder, "--json"]));
  await untilRunning(folder, "first");
  expect(errorOf(await parley(["restart", "frist", "--folder", folder, "--json"]))).toMatchObject({
    code: "not_found",
    message: expect.stringContaining("first") as string,
  });
  expect(jsonOf(await parley(["stop", "--all", "--folder", folder, "--json"]))).toMatchObject({ supervisor: "ended" });
  expect(await supervisor.ended).toMatchObject({ code: 0 });
  expect(lives(second ?? 0)).toBe(false);
  expect(errorOf(await parley(["ps", "--folder", folder, "--json"]))).toMatchObject({ code: "not_connected" });
  expect((await parley(["logs", "second", "--folder", folder])).stdout).toContain("stopped: exit code 0");
});

it("leaves no process behind when it is killed, and takes over at its next start", async () => {
  const folder = await agentsIn("lone", ["third"]);
  const supervisor = await supervise(folder);
  await untilRunning(folder, "third");
  const pid = (await agent(folder, "third"))?.pid ?? 0;
  expect(errorOf(await parley(["run", "--all", folder, "--json"]))).toMatchObject({ code: "conflict" });
  await supervisor.stop("SIGKILL");
  await supervise(folder);
  await untilRunning(folder, "third");
  expect(lives(pid)).toBe(false);
  expect((await agent(folder, "third"))?.pid).not.toBe(pid);
});

it("ends a process that stood still while its supervisor was killed", async () => {
  const folder = await agentsIn("stuck", ["fourth"]);
  const supervisor = await supervise(folder);
  await untilRunning(folder, "fourth");
  const pid = (await agent(folder, "fourth"))?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  await supervisor.stop("SIGKILL");
  expect(lives(pid)).toBe(true);
  await supervise(folder);
  await untilRunning(folder, "fourth");
  expect(lives(pid)).toBe(false);
});

it("follows a log, and stops everything on a signal", async () => {
  const folder = await agentsIn("told", ["fifth"]);
  const supervisor = await supervise(folder);
  const following = start(["logs", "fifth", "--follow", "--lines", "50", "--folder", folder, "--json"]);
  let entry: { text: string };
  do entry = await following.json<{ text: string }>();
  while (!entry.text.includes("here is fifth"));
  await untilRunning(folder, "fifth");
  const pid = (await agent(folder, "fifth"))?.pid ?? 0;
  expect(await supervisor.stop("SIGTERM")).toMatchObject({ code: 0 });
  expect(lives(pid)).toBe(false);
});
