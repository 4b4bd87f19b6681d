/** What only a process of its own can show: how it ends. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

const program = fileURLToPath(new URL("link-process.ts", import.meta.url));

/** Runs the program in one of its modes and gives its end. */
function run(mode: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, mode], { stdio: ["ignore", "pipe", "pipe"], timeout: 15_000 });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}

it("survives throwing callbacks when the process handles uncaught exceptions", async () => {
  const end = await run("throw-handled");
  expect(end.output.trim().split("\n")).toEqual(["uncaught message 1", "uncaught message 2", "done"]);
  expect([end.code, end.signal]).toEqual([0, null]);
}, 20_000);

it("ends in the ordinary way, not by an abort, when it does not", async () => {
  const end = await run("throw-unhandled");
  expect(end.output).toContain("Error: message 1");
  expect([end.code, end.signal]).toEqual([1, null]);
}, 20_000);

it("exits by itself after the factories are closed", async () => {
  expect(await run("close-factories")).toEqual({ code: 0, signal: null, output: "done\n" });
}, 20_000);

it("exits by itself when the links are closed and the factories are not", async () => {
  expect(await run("close-links")).toEqual({ code: 0, signal: null, output: "done\n" });
}, 20_000);

it("obeys process.exit with links open", async () => {
  expect(await run("exit")).toEqual({ code: 3, signal: null, output: "done\n" });
}, 20_000);
