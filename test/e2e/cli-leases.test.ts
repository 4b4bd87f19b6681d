import { existsSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

interface Leases {
  readonly leases: readonly { readonly resource: string; readonly name: string; readonly note?: string }[];
}

const lease = (name: string, ...args: readonly string[]): ReturnType<typeof parley> =>
  parley(["lease", ...args, ...at(name)]);

it("a lease is taken, seen, renewed, waited for, given back and broken", async () => {
  await mesh.join("coder", ["--kind", "agent"]);
  const taken = jsonOf<{ generation: number; until: number }>(
    await lease("coder", "take", "file:a.ts", "--for", "5m", "--note", "renaming"),
  );
  expect(errorOf(await lease("ada", "take", "file:a.ts"))).toMatchObject({ code: "lease_held" });
  expect(jsonOf<Leases>(await lease("ada", "list", "file:")).leases).toMatchObject([
    { resource: "file:a.ts", name: "coder", note: "renaming" },
  ]);
  const renewed = jsonOf<{ generation: number; until: number }>(
    await lease("coder", "renew", "file:a.ts", "--for", "20m"),
  );
  expect(renewed.generation).toBe(taken.generation);
  expect(renewed.until).toBeGreaterThan(taken.until);
  expect(errorOf(await lease("ada", "release", "file:a.ts"))).toMatchObject({ code: "lease_lost" });
  const waiting = lease("ada", "take", "file:a.ts", "--wait", "1m");
  jsonOf(await lease("coder", "release", "file:a.ts"));
  expect(jsonOf<{ name: string }>(await waiting)).toMatchObject({ name: "ada" });
  expect(errorOf(await lease("coder", "break", "file:a.ts"))).toMatchObject({ code: "lease_held" });
  expect(jsonOf(await lease("ada", "break", "file:a.ts"))).toMatchObject({ name: "ada" });
});

it("a command runs while its lease is held, with its own options, and says what it ended with", async () => {
  await mesh.join("builder", ["--kind", "agent"]);
  const file = join(mesh.folder, "ran");
  const run = (...command: readonly string[]): ReturnType<typeof parley> =>
    parley(["lease", "run", "build", "--home", mesh.home("builder"), "--", ...command], {
      env: { PARLEY_TURN_SECRET: "s" },
    });
  expect(await run("sh", "-c", `test -z "$PARLEY_TURN_SECRET" && touch '${file}' && exit 7`)).toMatchObject({
    code: 7,
  });
  expect(existsSync(file)).toBe(true);
  expect(jsonOf<Leases>(await lease("ada", "list", "build")).leases).toEqual([]);
  expect((await run("no-such-program")).code).toBe(2);
  const long = start([
    "lease",
    "run",
    "build",
    "--home",
    mesh.home("builder"),
    "--",
    "sh",
    "-c",
    "echo on; exec sleep 600",
  ]);
  expect(await long.line()).toBe("on");
  expect(jsonOf<Leases>(await lease("ada", "list", "build")).leases).toHaveLength(1);
  jsonOf(await lease("ada", "break", "build"));
  const ended = await long.ended;
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain("lease_lost");
});
