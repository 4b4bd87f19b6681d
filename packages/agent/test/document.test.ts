import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readManifest } from "../src/manifest-reader.ts";
import { manifestSchema } from "../src/manifest-schema.ts";
import { agentFolder } from "./agent-folder.ts";
import { loadInNode } from "./load-in-node.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "agents.md"), "utf8");

/** Code of the page by language. */
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, code = ""]) => code);

/** TypeScript of the page by the path in its first line. */
const files: Readonly<Record<string, string>> = Object.fromEntries(
  blocks("ts").map((code) => [/^\/\/ (\S+)\n/.exec(code)?.[1] ?? "", code]),
);

describe("docs/agents.md", () => {
  it("shows an agent of two skills in fifteen lines or so, and it loads", async () => {
    const [code = ""] = blocks("ts");
    expect(code.trim().split("\n").length).toBeLessThanOrEqual(18);
    const folder = agentFolder(files);
    expect(await loadInNode([join(folder, "calculator.ts")])).toEqual({
      results: [{ name: "calculator", skills: ["add", "divide"] }],
      stderr: "",
    });
  });

  it("shows a manifest and skills that load", async () => {
    const [manifest = ""] = blocks("yaml");
    const folder = agentFolder({ ...files, "agent.yaml": manifest, ".env": "GREETING=hello" });
    expect(await loadInNode([folder])).toEqual({
      results: [{ name: "my-agent", skills: ["average", "digest", "divide"] }],
      stderr: "",
    });
    expect(readManifest(manifest)).toMatchObject({ ok: true });
  });

  it("shows an agent that answers who calls it, and it loads", async () => {
    const folder = agentFolder(files);
    expect(await loadInNode([join(folder, "greeter.ts")])).toEqual({
      results: [{ name: "greeter", skills: ["digest"] }],
      stderr: "",
    });
  });

  it("leads to a page with a skill and its rules that load", async () => {
    const rules = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "skills.md"), "utf8");
    const code = (language: string): string =>
      new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "m").exec(rules)?.[1] ?? "";
    const folder = agentFolder({ "skills/deploy.ts": code("ts"), "agent.yaml": code("yaml") });
    expect(await loadInNode([folder])).toEqual({ results: [{ name: "releaser", skills: ["deploy"] }], stderr: "" });
  });

  it("names every key of the manifest", () => {
    for (const key of Object.keys(manifestSchema.shape)) expect(page).toContain(`\`${key}`);
  });
});
