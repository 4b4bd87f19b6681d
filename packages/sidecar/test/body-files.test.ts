import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { takeBodyFile } from "../src/body-files.ts";
import { attachDevice, bodyFileBytes, lineBytes } from "../src/index.ts";
import { openSocket, until } from "./open-socket.ts";
import { RawCaller } from "./raw-caller.ts";

async function withFolder() {
  const opened = await openSocket();
  const folder = `${opened.path}.files`;
  const put = (name: string, value: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(value), { mode: 0o600 });
  return { ...opened, folder, put, outside: join(dirname(opened.path), "outside.json") };
}

const status = { id: 1, op: "status", file: "body.json" };

describe("a body by file", () => {
  it("is read and taken away, whichever its size", async () => {
    const { path, folder, put, device } = await withFolder();
    const program = await RawCaller.greeted(path, 2);
    put("body.json", {});
    program.send(status);
    expect(await program.next()).toMatchObject({ re: 1, body: { state: "connected" } });
    put("long.json", { to: "@bob", text: "x".repeat(2 * lineBytes) });
    program.send({ id: 2, op: "send", file: "long.json" });
    expect(await program.next()).toMatchObject({ re: 2, event: { sent: { state: "accepted" } } });
    const [to, text] = device.asked.at(-1) as [string, string];
    expect([to, text.length]).toEqual(["@bob", 2 * lineBytes]);
    expect(readdirSync(folder)).toEqual([]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it.each([
    ["is not there", () => undefined],
    [
      "is a link out of the folder",
      (folder: string, outside: string) => symlinkSync(outside, join(folder, "body.json")),
    ],
    ["has a name outside too", (folder: string, outside: string) => linkSync(outside, join(folder, "body.json"))],
    ["is a folder", (folder: string) => mkdirSync(join(folder, "body.json"))],
    [
      "can be written by others",
      (folder: string) => {
        writeFileSync(join(folder, "body.json"), "{}");
        chmodSync(join(folder, "body.json"), 0o622);
      },
    ],
    ["is no JSON", (folder: string) => writeFileSync(join(folder, "body.json"), "{", { mode: 0o600 })],
  ])("is refused when it %s, and what lies outside stays as it was", async (_, make) => {
    const { path, folder, outside } = await withFolder();
    writeFileSync(outside, "{}", { mode: 0o600 });
    make(folder, outside);
    const program = await RawCaller.greeted(path, 2);
    program.send(status);
    expect(await program.next()).toMatchObject({ re: 1, error: { code: "invalid_argument" } });
    expect(readFileSync(outside, "utf8")).toBe("{}");
    expect(await program.ask(2, "status", {})).toMatchObject({ re: 2, body: { state: "connected" } });
  });

  it("is refused in a folder that others may enter", async () => {
    const { path, folder, put } = await withFolder();
    put("body.json", {});
    chmodSync(folder, 0o755);
    const program = await RawCaller.greeted(path, 2);
    program.send(status);
    expect(await program.next()).toMatchObject({ re: 1, error: { code: "storage_unavailable" } });
  });

  it.each([
    [-1, "ok"],
    [0, "ok"],
    [1, "too_large"],
  ])("at %d above the largest is %s", async (over, expected) => {
    const { folder, put } = await withFolder();
    put("body.json", {});
    truncateSync(join(folder, "body.json"), bodyFileBytes + over);
    const taken = await takeBodyFile(folder, "body.json").then(
      () => "ok",
      (error: unknown) => (error as { code: string }).code,
    );
    expect(taken).toBe(expected);
  });
});

describe("an answer by file", () => {
  it("is given where no line can carry it, and removed with a program that left it", async () => {
    const { path, folder, device } = await withFolder();
    const samples = Array.from({ length: 20_000 }, (_, value) => ({
      name: "links_opened" as const,
      labels: { path: "direct", more: "x".repeat(40) },
      value,
    }));
    device.metrics = async () => samples;
    const attached = await attachDevice(path);
    expect(await attached.metrics()).toEqual(samples);
    expect(readdirSync(folder)).toEqual([]);
    const program = await RawCaller.greeted(path, 2);
    expect(await program.ask(1, "metrics", {})).toEqual({ re: 1, file: expect.stringMatching(/^[0-9a-f]{24}\.json$/) });
    expect(readdirSync(folder)).toHaveLength(1);
    program.socket.destroy();
    await until(() => readdirSync(folder).length === 0);
  });

  it("is not given to a program of the first version, which is told that it is too large", async () => {
    const { path, device } = await withFolder();
    const name = "links_opened" as const;
    device.metrics = async () => [{ name, labels: { path: "x".repeat(lineBytes) }, value: 1 }];
    const program = await RawCaller.greeted(path, 1);
    expect(await program.ask(1, "metrics", {})).toMatchObject({ re: 1, error: { code: "too_large" } });
  });

  it("waits for its reader up to a bound", async () => {
    const { path, folder, device } = await withFolder();
    const name = "links_opened" as const;
    device.metrics = async () => [{ name, labels: { path: "x".repeat(lineBytes) }, value: 1 }];
    const program = await RawCaller.greeted(path, 2);
    for (let id = 1; id <= 64; id++)
      expect(await program.ask(id, "metrics", {})).toMatchObject({ file: expect.any(String) });
    expect(await program.ask(65, "metrics", {})).toMatchObject({ re: 65, error: { code: "slow_reader" } });
    await takeBodyFile(folder, readdirSync(folder)[0] ?? "");
    expect(await program.ask(66, "metrics", {})).toMatchObject({ re: 66, file: expect.any(String) });
  });
});
