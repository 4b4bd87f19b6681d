import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished } from "vitest";

import { DeviceSocket, type SkillHost } from "../src/index.ts";
import { FakeDevice } from "./fake-device.ts";

/** A socket of a fake device, closed at the end of the test; with a host, programs may serve skills through it. */
export async function openSocket({ host }: { readonly host?: SkillHost } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  const path = join(folder, "device.sock");
  const device = new FakeDevice();
  const socket = await DeviceSocket.open({ device, path, host });
  onTestFinished(async () => {
    await socket.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, device, socket };
}

/** Waits for a condition that events bring about. */
export async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 5 }).toBe(true);
}
