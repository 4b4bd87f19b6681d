import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { initAgent } from "../src/init-agent.ts";
import { loadManifest } from "../src/manifest.ts";
import { modelProviders } from "../src/model-schema.ts";
import { roles } from "../src/roles.ts";
import { agentFolder } from "./agent-folder.ts";

const all = ["agent.yaml", "AGENT.md", ".env.example", ".gitignore", "skills/greet.ts"];

describe("initAgent", () => {
  it("writes an agent whose manifest is valid", async () => {
    const dir = join(agentFolder({}), "deep", "my-agent");
    expect(await initAgent({ name: "my-agent", dir })).toEqual({ folder: dir, files: all, existed: [] });
    expect(await loadManifest(dir)).toMatchObject({ name: "my-agent", folder: dir, skills: { folder: "skills" } });
    expect(readFileSync(join(dir, ".gitignore"), "utf8").split("\n")).toContain(".env");
  });

  it("writes down the registry when it is known", async () => {
    const dir = agentFolder({});
    await initAgent({ name: "a", dir, registry: "http://127.0.0.1:8080" });
    expect(await loadManifest(dir)).toMatchObject({ registry: "http://127.0.0.1:8080" });
  });

  it.each(roles.map(({ role }) => role))("writes an agent with a model as %s", async (role) => {
    const dir = agentFolder({});
    const { files } = await initAgent({ name: "a", dir, role });
    expect(files.slice(0, 3)).toEqual(["agent.yaml", "AGENT.md", ".env.example"]);
    const { model, tags, description } = await loadManifest(dir);
    expect({ model, tags }).toMatchObject({ model: { provider: "anthropic" }, tags: [role] });
    expect(description).not.toBe("");
    expect(readFileSync(join(dir, ".env.example"), "utf8")).toContain("ANTHROPIC_API_KEY=");
  });

  it.each(modelProviders)("writes one for a model of %s", async (provider) => {
    const dir = agentFolder({});
    const baseUrl = "https://models.example.org/v1";
    await initAgent({ name: "a", dir, role: "assistant", model: { provider, model: 'a "b": #c', baseUrl } });
    expect(await loadManifest(dir)).toMatchObject({ model: { provider, name: 'a "b": #c', baseUrl } });
  });

  it.each([
    [{ provider: "azure", model: "x" }, "--base-url"],
    [{ provider: "azure", baseUrl: "https://x.example.org" }, "--model"],
    [{ provider: "openai-compatible" }, "--model and --base-url"],
  ] as const)("says what %j lacks, and writes nothing", async (model, says) => {
    const dir = agentFolder({});
    const message = expect.stringContaining(says) as string;
    await expect(initAgent({ name: "a", dir, role: "writer", model })).rejects.toMatchObject({ message });
    expect(readdirSync(dir)).toEqual([]);
  });

  it("overwrites nothing and says what existed", async () => {
    const dir = agentFolder({ "AGENT.md": "mine", ".gitignore": "mine" });
    expect(await initAgent({ name: "a", dir })).toMatchObject({
      files: ["agent.yaml", ".env.example", "skills/greet.ts"],
      existed: ["AGENT.md", ".gitignore"],
    });
    expect(readFileSync(join(dir, "AGENT.md"), "utf8")).toBe("mine");
    writeFileSync(join(dir, "agent.yaml"), "name: mine\n");
    await expect(initAgent({ name: "a", dir })).rejects.toMatchObject({ code: "already_exists" });
    expect(readFileSync(join(dir, "agent.yaml"), "utf8")).toBe("name: mine\n");
  });

  it.each(["", "A", "a b", "../a", "a/b", "-a", "a".repeat(33)])(
    "refuses the name %j before it writes",
    async (name) => {
      const dir = join(agentFolder({}), "new");
      await expect(initAgent({ name, dir })).rejects.toMatchObject({ code: "invalid_name" });
      expect(() => statSync(dir)).toThrow("ENOENT");
    },
  );

  it("says when the folder cannot be written", async () => {
    const dir = join(agentFolder({ file: "" }), "file", "in-a-file");
    await expect(initAgent({ name: "a", dir })).rejects.toMatchObject({ code: "storage_unavailable" });
  });
});
