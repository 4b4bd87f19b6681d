import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";

import { openDoor } from "./door-fixture.ts";
import { PlainClient } from "./plain-client.ts";

const repository = join(import.meta.dirname, "../../..");
const page = readFileSync(join(repository, "docs/plain-door.md"), "utf8");

/** By the language as the document names it, and the program that runs it. */
const samples = [
  ["bash", "bash", "talk.sh"],
  ["python", "python3", "greet.py"],
] as const;

const pathOf = (file: string): string => join(repository, "examples/plain-door", file);

function run(program: string, file: string, url: string): ChildProcess {
  const { hostname, port } = new URL(url);
  const child = spawn(program, [pathOf(file), hostname, port, "sam", "#general"], { detached: true });
  onTestFinished(() => {
    // Its own children too.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  });
  return child;
}

/** Nothing to run where the program is not installed. */
const there = (program: string): readonly [string][] =>
  spawnSync(program, ["--version"]).status === 0 ? [[program]] : [];

describe("the samples of docs/plain-door.md", () => {
  it.each(samples)("in %s are the files of examples/plain-door, and have ten lines at most", (language, _, file) => {
    const [, shown] = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(page) ?? [];
    expect(shown).toBe(readFileSync(pathOf(file), "utf8"));
    expect(shown?.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
  });

  it.each(there("bash"))("in %s talk in a channel: say what is typed, print what comes", async (program) => {
    const { url } = await openDoor();
    const other = await PlainClient.come(url, { name: "other" });
    await other.join("#general");
    const child = run(program, "talk.sh", url);
    const { agent } = await other.next("AGENT_JOINED");
    child.stdin?.write('she\tsaid "hi \\o/ ä"\n');
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
    const { url, mesh } = await openDoor();
    const other = await PlainClient.come(url, { name: "other" });
    await other.join("#general");
    run(program, "greet.py", url);
    const { agent } = await other.next("AGENT_JOINED");
    other.send({ type: "MSG", to: "#general", content: `sam, are you there? ${"x".repeat(300)}` });
    await other.next("MSG");
    expect(await other.next("MSG")).toMatchObject({ from: agent, content: `hello ${other.id}` });
    mesh.say("general", "librarian", `${"x".repeat(70_000)} sam`);
    await other.next("MSG", ({ from }) => from === "@librarian");
    expect(await other.next("MSG")).toMatchObject({ from: agent, content: "hello @librarian" });
  });

  it.each(there("python3"))("in %s answer a ping, which shows that they are alive", async (program) => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const came = once(server, "connection");
    run(program, "greet.py", `ws://127.0.0.1:${port}`);
    const [socket] = (await came) as [WebSocket];
    for (let count = 0; count < 2; count++) {
      const answered = once(socket, "pong");
      socket.ping();
      await answered;
    }
    socket.terminate();
  });
});
