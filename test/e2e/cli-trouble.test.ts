import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { beforeAll, expect, it, onTestFinished } from "vitest";

import { type CliMesh, shareMesh, startMesh, startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start, temporaryFolder } from "./cli-process.ts";

async function busyPort(): Promise<number> {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const address = other.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A failed command: its exit code, its code, and one sentence. */
async function failure(
  args: readonly string[],
  options: Parameters<typeof parley>[1] = {},
): Promise<[number | null, string]> {
  const result = await parley([...args, "--json"], options);
  const { code, message } = errorOf(result);
  expect(message.split("\n")).toHaveLength(1);
  expect(message).not.toMatch(/undefined|\[object|at .+\.ts:/);
  return [result.code, code];
}

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

it("names a port in use", async () => {
  const port = await busyPort();
  expect(await failure(["up", "--port", String(port), "--data", join(temporaryFolder(), "d")])).toEqual([
    1,
    "address_in_use",
  ]);
});

it("names a data folder that others can read, and one that is a file", async () => {
  const folder = temporaryFolder();
  const open = join(folder, "open");
  mkdirSync(open, { mode: 0o755 });
  chmodSync(open, 0o755);
  writeFileSync(join(open, "something"), "");
  expect(await failure(["up", "--port", "0", "--data", open])).toEqual([1, "storage_unavailable"]);
  expect(await failure(["up", "--port", "0", "--data", join(open, "something")])).toEqual([1, "storage_unavailable"]);
});

it("refuses a second registry on the same data folder", async () => {
  const data = join(temporaryFolder(), "d");
  await startRegistry(data);
  expect(await failure(["up", "--port", "0", "--data", data])).toEqual([1, "storage_unavailable"]);
});

it("drains on SIGTERM and on SIGINT with exit code 0", async () => {
  const data = join(temporaryFolder(), "d");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { registry } = await startRegistry(data);
    expect((await registry.stop(signal)).code).toBe(0);
  }
});

it("tells a registry that is down, and one that is another than was paired with", async () => {
  const own = await startMesh();
  await own.registry.stop();
  expect(await failure(["members", "--home", own.home("ada")])).toEqual([3, "unreachable"]);
  const other = await startRegistry(join(own.folder, "other"), own.port);
  expect(await failure(["members", "--home", own.home("ada")])).toEqual([4, "registry_key_mismatch"]);
  await other.registry.stop();
  await own.restart();
  expect((await parley(["members", "--home", own.home("ada")])).code).toBe(0);
});

it("refuses a claim link at another registry and a second claim", async () => {
  const folder = temporaryFolder();
  const [first, second] = [await startRegistry(join(folder, "a")), await startRegistry(join(folder, "b"))];
  const crossed = `${second.ready.origin}/join#${first.ready.claim.split("#")[1] ?? ""}`;
  expect(await failure(["pair", crossed, "--name", "ada", "--home", join(folder, "ada")])).toEqual([
    4,
    "registry_key_mismatch",
  ]);
  expect((await parley(["pair", first.ready.claim, "--name", "ada", "--home", join(folder, "ada")])).code).toBe(0);
  expect(await failure(["pair", first.ready.claim, "--name", "eve", "--home", join(folder, "eve")])).toEqual([
    4,
    "already_claimed",
  ]);
  expect(await failure(["pair", first.ready.claim, "--name", "ada", "--home", join(folder, "ada")])).toEqual([
    1,
    "already_exists",
  ]);
});

it("pairs by code only when the six words agree", async () => {
  const { text } = jsonOf<{ text: string }>(
    await parley(["invite", "create", "--code", "--home", mesh.home("ada"), "--json"]),
  );
  expect(text).toMatch(/^\d{6}$/);
  const bob = ["--home", mesh.home("bob")];
  const unasked = await parley(["pair", text, "--registry", mesh.origin, "--name", "bob", ...bob, "--json"]);
  expect([unasked.code, errorOf(unasked).code]).toEqual([2, "invalid_argument"]);
  expect(await failure(["members", ...bob])).toEqual([4, "not_admitted"]);
  const { pending } = jsonOf<{ pending: { words: string }[] }>(
    await parley(["member", "list", "--pending", "--home", mesh.home("ada"), "--json"]),
  );
  const words = pending[0]?.words ?? "";
  expect(errorOf(unasked).message).toContain(words);
  expect(await failure(["pair", "--words", "one two three four five six", ...bob])).toEqual([
    4,
    "registry_key_mismatch",
  ]);
  jsonOf(await parley(["pair", "--words", words, "--no-wait", ...bob, "--json"]));
  jsonOf(await parley(["member", "approve", "bob", "--home", mesh.home("ada"), "--json"]));
  expect(jsonOf(await parley(["pair", ...bob, "--json"]))).toMatchObject({ state: "admitted" });
});

it("refuses wrong codes and links", async () => {
  const bob = ["--name", "zed", "--home", mesh.home("zed")];
  expect(await failure(["pair", "nonsense", ...bob])).toEqual([2, "invalid_link"]);
  expect(await failure(["pair", "000000", "--registry", mesh.origin, ...bob])).toEqual([2, "invalid_link"]);
  expect(await failure(["pair", "000000", "--registry", "http://127.0.0.1:1", ...bob])).toEqual([3, "unreachable"]);
  expect(
    await failure(["pair", "000000", "--registry", mesh.origin, "--name", "no name!", "--home", mesh.home("x")]),
  ).toEqual([2, "invalid_name"]);
});

it("says what to do about a damaged home", async () => {
  await mesh.join("cleo");
  writeFileSync(join(mesh.home("cleo"), "mesh.json"), "{", { mode: 0o600 });
  expect(await failure(["members", "--home", mesh.home("cleo")])).toEqual([2, "invalid_config"]);
  expect(await failure(["members", "--home", join(mesh.folder, "new")])).toEqual([4, "not_admitted"]);
});

it("lets a member move with its exported keys", async () => {
  await mesh.join("eve");
  const file = join(mesh.folder, "eve.parley");
  const env = { PARLEY_PASSPHRASE: "correct horse battery" };
  expect((await parley(["identity", "export", file, "--home", mesh.home("eve")], { env })).code).toBe(0);
  expect(await failure(["identity", "export", file, "--home", mesh.home("eve")], { env })).toEqual([
    1,
    "already_exists",
  ]);
  expect(
    await failure(["identity", "import", file, "--home", mesh.home("moved")], {
      env: { PARLEY_PASSPHRASE: "a wrong passphrase" },
    }),
  ).toEqual([1, "cannot_open"]);
  expect(await failure(["identity", "import", file, "--home", mesh.home("moved")])).toEqual([2, "invalid_argument"]);
  expect((await parley(["identity", "import", file, "--home", mesh.home("moved")], { env })).code).toBe(0);
  expect(await failure(["identity", "import", file, "--home", mesh.home("moved")], { env })).toEqual([
    1,
    "already_exists",
  ]);
  expect((await parley(["members", "--home", mesh.home("moved")])).code).toBe(0);
});

it.each([
  ["an unknown command", ["frobnicate"]],
  ["an unknown option", ["agents", "--skil", "x"]],
  ["a missing argument", ["send", "@ada"]],
  ["an argument too many", ["members", "extra"]],
  ["a group without its command", ["invite"]],
  ["input that is not JSON", ["delegate", "search", "{"]],
  ["a skill that is none", ["delegate", "a b"]],
  ["a number out of range", ["ping", "@ada", "--count", "0"]],
])("exits with 2 for %s", async (_, args) => {
  expect((await failure([...args, "--home", join(temporaryFolder(), "h")]))[0]).toBe(2);
});

it("exits with 2 for an unknown variable or key and names the nearest", async () => {
  const cwd = temporaryFolder();
  const variable = await parley(["config", "show"], { env: { PARLEY_PROT: "1" }, cwd });
  expect([variable.code, variable.stderr]).toEqual([2, expect.stringContaining("did you mean PARLEY_PORT?")]);
  writeFileSync(join(cwd, "parley.yaml"), "regitry: http://127.0.0.1:1\n");
  const key = await parley(["config", "show"], { cwd });
  expect([key.code, key.stderr]).toEqual([2, expect.stringContaining("did you mean registry?")]);
});

it("finds no holder of a skill and no member of a name", async () => {
  expect(await failure(["delegate", "search", "{}", "--home", mesh.home("ada")])).toEqual([3, "no_holder"]);
  expect(await failure(["send", "@nobody", "hi", "--home", mesh.home("ada")])).toEqual([1, "unknown_member"]);
});

it("has one process hold a device, and takes it over from one that was killed", async () => {
  const agent = join(mesh.folder, "agent");
  jsonOf(await parley(["init", "worker", "-d", agent, "--json"]));
  await mesh.join("worker", ["--kind", "agent"]);
  const args = ["run", agent, "--home", mesh.home("worker"), "--json"];
  const first = start(args);
  expect(await first.json()).toMatchObject({ event: "ready", name: "worker" });
  expect(await failure(args.slice(0, -1))).toEqual([1, "device_in_use"]);
  await first.stop("SIGKILL");
  const second = start(args);
  expect(await second.json()).toMatchObject({ event: "ready" });
  expect((await second.stop()).code).toBe(0);
});

it("checks a manifest", async () => {
  const folder = temporaryFolder();
  jsonOf(await parley(["init", "worker", "-d", folder, "--json"]));
  expect(jsonOf(await parley(["validate", folder, "--json"]))).toMatchObject({ valid: true, name: "worker" });
  expect((await parley(["init", "worker", "-d", folder])).code).toBe(1);
  copyFileSync(join(folder, "agent.yaml"), join(folder, "broken.yaml"));
  writeFileSync(join(folder, "broken.yaml"), "name: worker\nskils: skills\n");
  const broken = await parley(["validate", join(folder, "broken.yaml")]);
  expect([broken.code, broken.stderr]).toEqual([2, expect.stringMatching(/broken\.yaml:2:1: .*skills/)]);
  rmSync(join(folder, "agent.yaml"));
  expect(await failure(["validate", folder])).toEqual([2, "invalid_manifest"]);
});
