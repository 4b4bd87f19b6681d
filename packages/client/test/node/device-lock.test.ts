import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { DeviceLock } from "../../src/node/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const holder = new URL("lock-holder.ts", import.meta.url).pathname;

it("lets one holder in, within a process too", () => {
  const home = temporaryFolder();
  const lock = DeviceLock.tryTake(home);
  expect(lock).toBeDefined();
  expect(DeviceLock.tryTake(home)).toBeUndefined();
  lock?.release();
  const next = DeviceLock.tryTake(home);
  expect(next).toBeDefined();
  next?.release();
});

it("is held across processes and free the moment the holder is killed", async () => {
  const home = temporaryFolder();
  const child = spawn(process.execPath, [holder, home], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  expect(DeviceLock.tryTake(home)).toBeUndefined();
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = DeviceLock.tryTake(home);
  expect(lock).toBeDefined();
  lock?.release();
});

it("says what to do about a lock file that is not one", () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "device.lock"), "not a database at all, but long enough to be read as one".repeat(100));
  expect(() => DeviceLock.tryTake(home)).toThrow(
    expect.objectContaining({ code: "storage_unavailable", message: expect.stringContaining("remove that one file") }),
  );
});
