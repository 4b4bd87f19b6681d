import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

function agentFolder(name: string): string {
  const folder = join(mesh.folder, `agent-${name}`);
  mkdirSync(join(folder, "skills"), { recursive: true });
  writeFileSync(join(folder, "agent.yaml"), `name: ${name}\n`);
  return folder;
}

const word = (text: string): string => `export const word = "${text}";\n`;
const skill = `
import { defineSkill } from "@parley/agent";
import { z } from "zod";
import { word } from "./_word.ts";
export const say = defineSkill({
  id: "say",
  version: "1.2.0",
  tags: ["words"],
  description: "Says its word",
  access: ["role:member", "role:operator"],
  limits: { perMinute: 60 },
  examples: ["say something", { input: { loud: true }, output: "ONE" }, { input: {} }],
  input: z.object({ loud: z.boolean().optional() }),
  output: z.string(),
  run: async ({ loud }, { progress }) => {
    await progress("thinking");
    return loud === true ? word.toUpperCase() : word;
  },
});
`;

interface Line {
  readonly event: string;
  readonly error?: { readonly code: string };
}

it("an agent goes on with what its files say now, and with what they said where they are wrong", async () => {
  const folder = agentFolder("changer");
  const home = join(folder, ".parley");
  writeFileSync(join(folder, "skills", "_word.ts"), word("one"));
  writeFileSync(join(folder, "skills", "say.ts"), skill);
  await mesh.join("changer", ["--kind", "agent", "--home", home]);
  const running = start(["run", folder, "--watch", "--home", home, "--json"]);
  expect(await running.json<Line>()).toMatchObject({ event: "ready", skills: ["say"] });
  const said = async (): Promise<string> =>
    (await parley(["delegate", "@changer/say", "{}", "--home", mesh.home("ada"), "--json"])).stdout;
  expect(await said()).toContain('"one"');
  writeFileSync(join(folder, "skills", "_word.ts"), word("two"));
  expect(await running.json<Line>()).toMatchObject({ event: "reloaded", skills: ["say"] });
  expect(await said()).toContain('"two"');
  writeFileSync(join(folder, "skills", "say.ts"), "export const say = {");
  expect(await running.json<Line>()).toMatchObject({ event: "reload-failed", error: { code: "invalid_manifest" } });
  expect(await said()).toContain('"two"');
  writeFileSync(join(folder, "skills", "say.ts"), skill.replace('"say"', '"shout"'));
  expect(await running.json<Line>()).toMatchObject({ event: "reloaded", skills: ["shout"] });
  writeFileSync(
    join(folder, "agent.yaml"),
    "name: changer\nguards: { hops: 3 }\nskills: { rules: { shout: { access: [kind:agent] } } }\n",
  );
  expect(await running.json<Line>()).toMatchObject({ event: "reloaded", later: ["guards"] });
  const refused = await parley(["delegate", "@changer/shout", "{}", "--home", mesh.home("ada"), "--json"]);
  expect(errorOf(refused)).toMatchObject({ code: "forbidden" });
});

it("lists skills with their rules, and tries them without a mesh", async () => {
  const folder = agentFolder("tried");
  writeFileSync(join(folder, "skills", "_word.ts"), word("one"));
  writeFileSync(join(folder, "skills", "say.ts"), skill);
  const { skills } = jsonOf<{ skills: unknown[] }>(await parley(["skill", "list", folder, "--json"]));
  expect(skills).toEqual([
    expect.objectContaining({
      id: "say",
      version: "1.2.0",
      tags: ["words"],
      access: [["role:member", "role:operator"]],
      limits: { perMinute: 60 },
      trials: 2,
    }),
  ]);
  const all = await parley(["skill", "test", "--json"], { cwd: folder });
  expect(
    all.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    expect.objectContaining({ skill: "say", passed: true, output: "ONE" }),
    expect.objectContaining({ skill: "say", passed: true, output: "one" }),
  ]);
  expect(all.code).toBe(0);
  const one = await parley(["skill", "test", "say", "--input", '{"loud":true}'], { cwd: folder });
  expect(one).toMatchObject({ code: 0, stdout: '"ONE"\n', stderr: expect.stringContaining("thinking") as string });
  const wrong = await parley(["skill", "test", folder, "say", "--input", '{"loud":1}', "--json"]);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ passed: false, error: { code: "invalid_input" } });
  writeFileSync(join(folder, "skills", "_word.ts"), word("other"));
  expect((await parley(["skill", "test", folder])).code).toBe(1);
  expect(errorOf(await parley(["skill", "test", folder, "sayy", "--json"]))).toMatchObject({
    code: "not_found",
    message: expect.stringContaining("say") as string,
  });
});
