import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { findHomePath, listenPathOf, socketPathOf } from "../../src/node/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

it("is the folder given, from the working folder", () => {
  expect(findHomePath({ given: "ada", cwd: "/srv", homeDirectory: "/home/ada" })).toEqual({
    path: "/srv/ada",
    from: "given",
  });
});

it("is beside the nearest agent.yaml upward", () => {
  const agent = temporaryFolder();
  const inner = join(agent, "skills", "deep");
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(agent, "agent.yaml"), "name: librarian\n");
  expect(findHomePath({ cwd: inner, homeDirectory: "/home/ada" })).toEqual({
    path: join(agent, ".parley"),
    from: "agent",
  });
});

it("is in the home directory where there is no agent", () => {
  expect(findHomePath({ cwd: temporaryFolder(), homeDirectory: "/home/ada" })).toEqual({
    path: "/home/ada/.parley",
    from: "default",
  });
});

it("puts the socket into the home as long as its path fits", () => {
  const fits = `/${"h".repeat(87)}`;
  expect(socketPathOf(fits, {})).toBe(`${fits}/device.sock`);
  expect(socketPathOf(`${fits}x`, { XDG_RUNTIME_DIR: "/run/user/7" })).toMatch(
    /^\/run\/user\/7\/parley-\d+\/[0-9a-f]{24}\.sock$/,
  );
});

it("gives each long home a socket of its own", () => {
  const long = `/${"h".repeat(120)}`;
  expect(socketPathOf(`${long}a`, {})).not.toBe(socketPathOf(`${long}b`, {}));
  expect(Buffer.byteLength(socketPathOf(long, { XDG_RUNTIME_DIR: `/${"r".repeat(120)}` }))).toBeLessThanOrEqual(100);
});

it("listens on the socket's file, and on Windows on a named pipe that stands for it", () => {
  expect(listenPathOf("/home/ada/.parley/device.sock", "linux")).toBe("/home/ada/.parley/device.sock");
  expect(listenPathOf("/home/ada/.parley/device.sock", "darwin")).toBe("/home/ada/.parley/device.sock");
  const pipe = listenPathOf(String.raw`C:\Users\Ada\.parley\device.sock`, "win32");
  expect(pipe).toMatch(/^\\\\\.\\pipe\\parley-[0-9a-f]{32}$/);
  expect(listenPathOf(String.raw`c:\users\ada\.parley\device.sock`, "win32")).toBe(pipe);
  expect(listenPathOf(String.raw`C:\Users\Bob\.parley\device.sock`, "win32")).not.toBe(pipe);
});
