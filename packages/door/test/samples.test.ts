import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { openDoor } from "./door-fixture.ts";
import { PlainClient } from "./plain-client.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/plain-door.md"), "utf8");

/** The sample of a language in the document, as a file of its own. */
function sampleFile(language: string): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-door-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "sample");
  writeFileSync(file, new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(page)?.[1] ?? "");
  return file;
}

function run(program: string, language: string, url: string): ChildProcess {
  const { hostname, port } = new URL(url);
  const child = spawn(program, [sampleFile(language), hostname, port, "sam", "#general"], { detached: true });
  onTestFinished(() => {
    // Its own children too.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  });
  return child;
}

const languages = [["bash"], ["python"]] as const;

/** Nothing to run where the program is not installed. */
const there = (program: string): readonly [string][] =>
  spawnSync(program, ["--version"]).status === 0 ? [[program]] : [];

describe("the samples of docs/plain-door.md", () => {
  it.each(languages)("in %s have about ten lines", (language) => {
    expect(readFileSync(sampleFile(language), "utf8").trim().split("\n").length).toBeLessThanOrEqual(15);
  });

  it.each(there("bash"))("in %s talk in a channel: say what is typed, print what comes", async (program) => {
    const { url } = await openDoor();
    const other = await PlainClient.come(url, { name: "other" });
    await other.join("#general");
    const child = run(program, "bash", url);
    const { agent } = await other.next("AGENT_JOINED");
    child.stdin?.write('she said "hi \\o/ ä"\n');
    expect(await other.next("MSG")).toMatchObject({ from: agent, content: 'she said "hi \\o/ ä"' });
    const printed = new Promise<string>((resolve) => {
      let text = "";
      child.stdout?.on("data", (data: Buffer) => {
        text += data.toString();
        if (text.includes("hello sam")) resolve(text);
      });
    });
    other.send({ type: "MSG", to: "#general", content: "hello sam" });
    expect(await printed).toContain('"from_name":"other"');
  });

  it.each(there("python3"))("in %s talk in a channel: greet whoever says their name", async (program) => {
    const { url } = await openDoor();
    const other = await PlainClient.come(url, { name: "other" });
    await other.join("#general");
    run(program, "python", url);
    const { agent } = await other.next("AGENT_JOINED");
    other.send({ type: "MSG", to: "#general", content: `sam, are you there? ${"x".repeat(300)}` });
    await other.next("MSG");
    expect(await other.next("MSG")).toMatchObject({ from: agent, content: `hello ${other.id}` });
  });
});
