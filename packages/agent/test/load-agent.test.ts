import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { initAgent } from "../src/init-agent.ts";
import { agentFolder } from "./agent-folder.ts";
import { loadInNode } from "./load-in-node.ts";

async function load(path: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const { results, stderr } = await loadInNode([path], env);
  return { ...Object(results[0]), stderr };
}

const skill = (id: string): string => `
  import { defineSkill } from "@parley/agent";
  import { z } from "zod";
  type Note = { text: string };
  export const ${id} = defineSkill({ id: "${id}", input: z.object({ text: z.string() }), output: z.string(), run: (note: Note) => note.text });
`;
const yaml = "name: sample\n";

describe("an agent anywhere on disk", () => {
  it("loads from its folder or its manifest, with nothing installed beside it", async () => {
    const folder = agentFolder({
      "agent.yaml": yaml,
      "AGENT.md": "Be kind.",
      "skills/b.ts": skill("b"),
      "skills/a.ts": skill("a"),
      "skills/a.test.ts": "throw new Error('a test');",
      "skills/_shared.ts": "export const shared = 1;",
    });
    const loaded = { name: "sample", skills: ["a", "b"], instructions: "Be kind.", stderr: "" };
    expect(await load(folder)).toEqual(loaded);
    expect(await load(join(folder, "agent.yaml"))).toEqual(loaded);
  });

  it("loads as `parley init` wrote it", async () => {
    const dir = agentFolder({});
    await initAgent({ name: "fresh", dir });
    expect(await load(dir)).toMatchObject({ name: "fresh", skills: ["greet"], stderr: "" });
  });

  it("takes rules about approvals for skills that are there, and refuses others with a suggestion", async () => {
    const approving = (rule: string): string =>
      agentFolder({ "agent.yaml": `${yaml}approvals: ${rule}`, "skills/deploy.ts": skill("deploy") });
    expect(await load(approving("{ deploy: { quorum: 2, within: 1h } }"))).toMatchObject({ skills: ["deploy"] });
    for (const [rule, says] of [
      ["{ deplyo: {} }", "did you mean deploy?"],
      ["{ deploy: { quorum: 9 } }", "quorum"],
      ["{ deploy: { within: 8d } }", "is not a time"],
      ["{ deploy: { within: soon } }", "is not a time"],
      ["{ deploy: { who: ada } }", "who"],
    ] as const)
      expect(JSON.stringify(await load(approving(rule)))).toContain(says);
  });

  it("leaves out the skills that are disabled", async () => {
    const folder = agentFolder({
      "agent.yaml": `${yaml}skills: { disable: [b] }`,
      "skills/a.ts": skill("a"),
      "skills/b.ts": skill("b"),
    });
    expect(await load(folder)).toMatchObject({ skills: ["a"], stderr: "" });
  });

  it("loads from one file", async () => {
    const folder = agentFolder({
      ".env": "SEEN=yes",
      "agent.ts": `import { createAgent } from "@parley/agent";\n${skill("a")}\nexport default createAgent({ name: "one", env: ["SEEN"], skills: [a] });`,
    });
    expect(await load(join(folder, "agent.ts"))).toEqual({ name: "one", skills: ["a"], seen: "yes", stderr: "" });
  });

  it("reads .env without overriding what is set", async () => {
    const folder = agentFolder({
      "agent.yaml": `${yaml}env: [SEEN, KEPT]\n`,
      ".env": "SEEN='from the file'\nKEPT=file\n",
      "skills/a.ts": skill("a"),
    });
    expect(await load(folder, { KEPT: "environment" })).toMatchObject({ seen: "from the file", kept: "environment" });
  });

  it("prefers the packages of its own folder", async () => {
    const folder = agentFolder({
      "agent.yaml": yaml,
      "skills/a.ts": `import { id } from "zod";\n${skill("a").replace('import { z } from "zod"', 'import { z } from "zod/v4"').replace('id: "a"', "id")}`,
      "node_modules/zod/package.json":
        '{ "name": "zod", "type": "module", "exports": { ".": "./index.js", "./v4": "./v4.js" } }',
      "node_modules/zod/index.js": "export const id = 'own';",
      "node_modules/zod/v4.js":
        "export const z = { object: () => schema, string: () => schema }; const schema = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }), jsonSchema: { input: () => ({}), output: () => ({}) } } };",
    });
    expect(await load(folder)).toMatchObject({ skills: ["own"] });
  });
});

describe("an agent that does not load says why", () => {
  const files = { "agent.yaml": yaml, "skills/a.ts": skill("a") };

  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string | RegExp])[] = [
    ["no skills folder", { "agent.yaml": yaml }, "There is no folder skills beside agent.yaml"],
    ["a module without a skill", { ...files, "skills/b.ts": "export const b = 1;" }, /b\.ts exports no skill/],
    [
      "a module that throws",
      { ...files, "skills/b.ts": "throw new Error('out of tea');" },
      /b\.ts could not be loaded: out of tea/,
    ],
    ["a module that is not TypeScript", { ...files, "skills/b.ts": "export const = ;" }, /b\.ts could not be loaded: /],
    [
      "a module that imports what is not there",
      { ...files, "skills/b.ts": "import 'left-pad-2';" },
      /b\.ts could not be loaded: Cannot find package/,
    ],
    [
      "a skill that is wrong",
      { ...files, "skills/b.ts": skill("b").replace('id: "b"', 'id: "b b"') },
      /b\.ts: "b b" is not a skill id/,
    ],
    [
      "two skills of one id",
      { ...files, "skills/b.ts": skill("a") },
      "Skill a is in a.ts and in b.ts; give one of them another id.",
    ],
    [
      "disabling what is not there",
      { ...files, "agent.yaml": `${yaml}skills: { disable: [aa] }` },
      "skills.disable names aa, which is no skill; did you mean a?",
    ],
    [
      "a variable that is missing",
      { ...files, "agent.yaml": `${yaml}env: [SEEN]`, ".env": "SEEN=" },
      "SEEN is not set; put it in .env beside agent.yaml.",
    ],
    [
      "a broken manifest",
      { ...files, "agent.yaml": "name: a\nskill: x" },
      'agent.yaml:2:1: unknown key "skill"; did you mean "skills"?',
    ],
    [
      "a manifest that is too large",
      { ...files, "agent.yaml": `#${"x".repeat(64 * 1024)}` },
      "agent.yaml is larger than 65536 bytes.",
    ],
    [".env that is too large", { ...files, ".env": `A=${"x".repeat(64 * 1024)}` }, ".env is larger than 65536 bytes."],
  ];

  it("in one sentence that names the file", async () => {
    const { results } = await loadInNode(cases.map(([, broken]) => agentFolder(broken)));
    const codes = /^invalid_(manifest|config)$/;
    expect(results).toEqual(cases.map(([, , message]) => failure(codes, message)));
  });

  it("a file that exports no agent, or two, or is not there", async () => {
    const folder = agentFolder({
      "none.ts": "export const agent = 5;",
      "two.ts": `import { createAgent } from "@parley/agent"; export const a = createAgent({ name: "a", skills: [] }); export const b = createAgent({ name: "b", skills: [] });`,
    });
    const { results } = await loadInNode(["none.ts", "two.ts", "away.ts", "."].map((name) => join(folder, name)));
    expect(results).toEqual([
      failure(/invalid_manifest/, "exports no agent"),
      failure(/invalid_manifest/, "exports 2 agents"),
      failure(/invalid_manifest/, "There is no file"),
      failure(/invalid_manifest/, "`parley init` writes one"),
    ]);
  });
});

function failure(code: RegExp, message: string | RegExp): unknown {
  return expect.objectContaining({ code: expect.stringMatching(code), message: expect.stringMatching(message) });
}
