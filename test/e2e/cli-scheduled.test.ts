import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Kept {
  readonly scheduled: readonly { readonly id: string; readonly act: { readonly text?: string } }[];
}

it("a message for later is kept, listed, cancelled, and sent by whichever process holds the device then", async () => {
  await mesh.join("bella", ["--kind", "person"]);
  const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];
  const send = (text: string, when: string): ReturnType<typeof parley> =>
    parley(["send", "@ada", text, "--at", when, ...at("bella")]);
  const { id } = jsonOf<{ id: string }>(await send("never", "+1h"));
  jsonOf(await send("later", "+3s"));
  const list = async (): Promise<Kept> => jsonOf<Kept>(await parley(["scheduled", "list", ...at("bella")]));
  expect((await list()).scheduled.map(({ act }) => act.text)).toContain("never");
  jsonOf(await parley(["scheduled", "cancel", id, ...at("bella")]));
  expect(errorOf(await parley(["scheduled", "cancel", id, ...at("bella")]))).toMatchObject({ code: "not_found" });
  expect(errorOf(await send("once", "2020-01-01 10:00"))).toMatchObject({ code: "invalid_argument" });
  // No process holds the device now; this one does, and sends what is due.
  start(["listen", ...at("bella")]);
  const listener = start(["listen", ...at("ada")]);
  expect(await listener.json()).toMatchObject({ text: "later" });
  await expect.poll(async () => (await list()).scheduled, { timeout: 60_000 }).toEqual([]);
});

it("an agent does by itself what its schedule says, and what its skill asked for", async () => {
  const folder = join(mesh.folder, "clock");
  mkdirSync(join(folder, "skills"), { recursive: true });
  writeFileSync(join(folder, "agent.yaml"), "name: clock\nschedule:\n  - { every: 1s, skill: tick }\n");
  writeFileSync(
    join(folder, "skills", "tick.ts"),
    `import { defineSkill } from "@parley/agent";
import { z } from "zod";
export const tick = defineSkill({
  id: "tick",
  input: z.object({ woken: z.boolean().optional() }),
  output: z.string(),
  run: async ({ woken }, { wakeAt }) => {
    if (woken) console.log(JSON.stringify({ event: "woken" }));
    else await wakeAt(Date.now() + 500, { input: { woken: true } });
    return "";
  },
});
`,
  );
  const home = join(folder, ".parley");
  await mesh.join("clock", ["--kind", "agent", "--home", home]);
  const agent = start(["run", folder, "--home", home, "--json"]);
  let line: { event: string };
  do line = await agent.json<{ event: string }>();
  while (line.event !== "woken");
  expect(line.event).toBe("woken");
});
