import { describe, expect, it } from "vitest";

import { readManifest } from "../src/manifest-reader.ts";

describe("a good agent.yaml", () => {
  it("needs a name and fills in the rest", () => {
    expect(readManifest("name: librarian\n")).toEqual({
      ok: true,
      manifest: {
        name: "librarian",
        description: "",
        version: "0.1.0",
        tags: [],
        skills: { folder: "skills", disable: [], rules: {} },
        schedule: [],
        approvals: {},
        channels: [],
        env: [],
        limits: { concurrentTasks: 8, taskSeconds: 300, drainSeconds: 10 },
        links: {},
        guards: {
          hops: 8,
          perMinute: { sender: 6000, channel: 6000, total: 30_000 },
          loops: true,
          quietMinutes: 15,
          text: "neutral",
        },
        attention: "open",
        floor: true,
        redact: false,
        board: true,
        maxTurns: 20,
        contextWindow: 100_000,
        mcpServers: {},
      },
    });
  });

  it("may say everything", () => {
    const text = [
      "name: a.b-c_9",
      "description: >",
      "  Two",
      "  lines",
      'version: "1.0"',
      "tags: [docs, écrit]",
      "registry: https://mesh.example.org",
      "skills: { folder: ./work, disable: [search] }",
      "env: [LIBRARY_DIR, _X]",
      "limits: { concurrentTasks: 1, taskSeconds: 3600, drainSeconds: 0 }",
      "links: { policy: relay, bindAddress: 127.0.0.1, portRange: [5000, 5100] }",
      "guards: { hops: 16, perMinute: { sender: 1, channel: 2, total: 3 }, loops: false, quietMinutes: 0.5, text: raw }",
      "attention: mentions",
      "floor: false",
      "redact: true",
      "model: { provider: azure, name: d, baseUrl: https://x.openai.azure.com/openai, apiKeyEnv: K, api: chat, apiVersion: v1,",
      "  temperature: 0, maxOutputTokens: 1, retries: 0, prices: { input: 1, output: 2.5, cachedInput: 0 } }",
      "instructions: Be brief.",
      "maxTurns: 200",
      "contextWindow: 1024",
      "mcpServers: { files: { command: npx, args: [-y, server], env: [HOME] }, issues: { url: https://mcp.example.org, tokenEnv: T } }",
    ].join("\n");
    expect(readManifest(text)).toMatchObject({
      ok: true,
      manifest: { description: "Two lines\n", skills: { folder: "./work" }, links: { portRange: [5000, 5100] } },
    });
  });

  it("may name the folder of skills alone", () => {
    expect(readManifest("name: a\nskills: tools\n")).toMatchObject({
      manifest: { skills: { folder: "tools", disable: [] } },
    });
  });
});

describe("a broken agent.yaml", () => {
  const cases: readonly (readonly [string, number, number, string | RegExp])[] = [
    ["", 1, 1, /keys and values/],
    ["- name: a", 1, 1, /keys and values/],
    ["just words", 1, 1, /keys and values/],
    ["description: x", 1, 1, "name is missing"],
    ["name:", 1, 6, "name: expected a text; it is empty"],
    ["name: 7", 1, 7, 'name: expected a text; put it in quotes: "7"'],
    ["name: Libr arian", 1, 7, /^name: A name has 1-32 characters/],
    ["name: UPPER", 1, 7, /^name: A name has/],
    [`name: ${"a".repeat(33)}`, 1, 7, /^name: A name has/],
    ["name: a\ndesciption: x", 2, 1, 'unknown key "desciption"; did you mean "description"?'],
    ["name: a\nprovider: azure", 2, 1, /^unknown key "provider"; known are name, description/],
    ["name: a\nmodel: gpt", 2, 8, "model: expected keys and values"],
    ["name: a\nmodel: { provider: openai }", 2, 8, "model.name is missing"],
    ["name: a\nmodel:\n  provider: opnai\n  name: x", 3, 13, /^model.provider: is not one of anthropic, openai/],
    [
      "name: a\nmodel:\n  provider: openai\n  name: x\n  apiKey: sk-1",
      5,
      3,
      'unknown key "apiKey" in model; did you mean "apiKeyEnv"?',
    ],
    [
      "name: a\nmodel: { provider: openai, name: x, apiKeyEnv: sk-1234 }",
      2,
      48,
      /^model.apiKeyEnv: is not a name of an env/,
    ],
    ["name: a\nmodel: { provider: azure, name: x }", 2, 8, "model.baseUrl: is missing: azure has no usual place"],
    ["name: a\nmaxTurns: 0", 2, 11, "maxTurns: is less than 1"],
    ["name: a\nmaxTurns: 201", 2, 11, "maxTurns: is more than 200"],
    ["name: a\ncontextWindow: 1023", 2, 16, "contextWindow: is less than 1024"],
    [
      "name: a\nmcpServers:\n  files: { commnd: x }",
      3,
      12,
      'unknown key "commnd" in mcpServers.files; did you mean "command"?',
    ],
    ["name: a\nmcpServers:\n  files: { args: [x] }", 3, 10, "mcpServers.files: has exactly one of command and url"],
    ["name: a\nmcpServers:\n  Files: { command: x }", 3, 10, /is not a name such as files/],
    ["name: a\nskills:\n  dirs: [x]", 3, 3, 'unknown key "dirs" in skills; known are folder, disable'],
    ["name: a\nskills:\n  fodler: x", 3, 3, 'unknown key "fodler" in skills; did you mean "folder"?'],
    ["name: a\nlimits:\n  taskSecond: 5", 3, 3, 'unknown key "taskSecond" in limits; did you mean "taskSeconds"?'],
    ["name: a\nlinks:\n  portrange: [1, 2]", 3, 3, 'unknown key "portrange" in links; did you mean "portRange"?'],
    ["name: a\nversion: 1.0", 2, 10, 'version: expected a text; put it in quotes: "1.0"'],
    ["name: a\nversion: true", 2, 10, 'version: expected a text; put it in quotes: "true"'],
    ["name: a\ntags: docs", 2, 7, "tags: expected a list"],
    ["name: a\ntags: [docs, 5]", 2, 14, 'tags[1]: expected a text; put it in quotes: "5"'],
    ["name: a\ntags: [a,b,c,d,e,f,g,h,i]", 2, 7, "tags: is more than 8 entries"],
    ['name: a\ntags: ["a\\u202eb"]', 2, 8, /^tags\[0\]: has 1-64 characters/],
    ["name: a\nregistry: localhost:8080", 2, 11, /^registry: is not an address/],
    ["name: a\nregistry: ftp://x.y", 2, 11, /^registry: is not an address/],
    ["name: a\nlimits: 5", 2, 9, "limits: expected keys and values"],
    ["name: a\nlimits:\n  concurrentTasks: 0", 3, 20, "limits.concurrentTasks: is less than 1"],
    ["name: a\nlimits:\n  concurrentTasks: 1.5", 3, 20, "limits.concurrentTasks: expected a whole number"],
    ["name: a\nlimits:\n  taskSeconds: 3601", 3, 16, "limits.taskSeconds: is more than 3600"],
    ["name: a\nchannels: ['#a b']", 2, 12, /^channels\[0\]: is not the name of a channel/],
    ["name: a\nenv: [1X]", 2, 7, /^env\[0\]: is not a name of an environment variable/],
    ["name: a\nlinks:\n  policy: direct", 3, 11, "links.policy: is not one of all, relay"],
    ["name: a\nlinks:\n  bindAddress: here", 3, 16, "links.bindAddress: is not an IP address"],
    ["name: a\nlinks:\n  portRange: [9, 1]", 3, 14, "links.portRange: begins above its end"],
    ["name: a\nlinks:\n  portRange: [0, 1]", 3, 15, "links.portRange[0]: is less than 1"],
    ["name: a\nname: b", 2, 1, /^not YAML: Map keys must be unique/],
    ["name: a\n\tversion: x", 2, 1, /^not YAML: /],
    ["name: [a", 1, 9, /^not YAML: /],
    ["name: a\n---\nname: b", 2, 1, /^not YAML: /],
    ["name: a\ntags: *none", 2, 7, "refers to something that is not there"],
  ];

  it.each(cases)("%j is told apart at %d:%d", (text, line, column, message) => {
    const result = readManifest(text);
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? {} : result.problems[0]).toMatchObject({ line, column });
    expect(result.ok ? "" : result.problems[0]?.message).toMatch(message);
  });

  it.each([
    "name: a\ndescription: `s3cret`",
    "name: a\ndescription: *s3cret",
    "name: a\ndescription: @s3cret",
    'name: a\ndescription: "s3cret" "s3cret"',
    "%YAML s3cret\n---\nname: a",
    "{name: a, key:s3cret}",
    "name: a\nenv: [s3cret=1]",
    "name: a\nattention: s3cret\nredact: s3cret\nfloor: s3cret",
  ])("says of %j what is wrong without what stands there", (text) => {
    const result = readManifest(text);
    expect(result).toMatchObject({ ok: false });
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  it.each(["- ", "[", "{a: ", "? "])("is told when it is nested too deeply, by %j", (open) => {
    for (const depth of [3000, 30_000]) {
      const result = readManifest(`name: a\ntags: ${open === "- " || open === "? " ? "\n" : ""}${open.repeat(depth)}x`);
      expect(result).toMatchObject({ ok: false });
    }
  });

  it("names all its problems in the order of their lines", () => {
    const result = readManifest("version: 1\nnames: a\nlimits: { drainSeconds: -1 }\n");
    expect(result.ok ? [] : result.problems.map(({ line }) => line)).toEqual([1, 1, 2, 3]);
  });

  it("names no more than twenty of them", () => {
    const result = readManifest(`name: a\n${Array.from({ length: 30 }, (_, index) => `k${index}: 1`).join("\n")}`);
    expect(result.ok ? 0 : result.problems.length).toBe(20);
  });

  it("cannot grow by references to itself", () => {
    const lines = ["name: a", "tags: &a0 [x, x, x, x]"];
    for (let n = 1; n < 8; n++) lines.push(`k${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}, *a${n - 1}]`);
    expect(readManifest(lines.join("\n"))).toEqual({
      ok: false,
      problems: [{ line: 1, column: 1, message: "refers to itself too often" }],
    });
  });

  it("may be any bytes", () => {
    for (const text of [
      "\0",
      "\uFFFD".repeat(10),
      "{".repeat(2_000),
      "? ".repeat(500),
      "&a ".repeat(100),
      "!!js/function x",
    ]) {
      expect(readManifest(text)).toMatchObject({ ok: false });
    }
  });
});
