import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { attachDevice, DeviceSocket } from "../src/index.ts";
import { FakeDevice } from "./fake-device.ts";
import { openSocket } from "./open-socket.ts";
import { helloTo, RawCaller } from "./raw-caller.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "parley-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it("lets in who shows the secret beside the socket, which is for its owner alone", async () => {
  const { path } = await openSocket();
  expect(statSync(`${path}.secret`).mode & 0o777).toBe(0o600);
  await (await attachDevice(path)).stop();
});

it.each([
  ["no secret", () => ({ secret: undefined })],
  ["an empty one", () => ({ secret: "" })],
  ["another one", () => ({ secret: "A".repeat(43) })],
  ["the beginning of it", (secret: string) => ({ secret: secret.slice(0, -1) })],
])("lets nobody in with %s, and nothing they ask is heard", async (_, change) => {
  const { path, device } = await openSocket();
  const caller = new RawCaller(path);
  caller.send(helloTo(path, change(readFileSync(`${path}.secret`, "utf8").trimEnd())));
  caller.send({ id: 1, op: "find", body: {} });
  expect(await caller.next()).toMatchObject({ error: { code: "unauthenticated" } });
  expect(await caller.next()).toBeUndefined();
  expect(device.asked).toEqual([]);
});

it("has another secret at the next start, and none after the end", async () => {
  const path = join(folder(), "device.sock");
  const first = await DeviceSocket.open({ device: new FakeDevice(), path });
  const before = readFileSync(`${path}.secret`, "utf8");
  await first.close();
  expect(() => statSync(`${path}.secret`)).toThrow("ENOENT");
  const second = await DeviceSocket.open({ device: new FakeDevice(), path });
  onTestFinished(() => second.close());
  expect(readFileSync(`${path}.secret`, "utf8")).not.toBe(before);
});

it("takes the place of a socket and a secret that a killed process left", async () => {
  const path = join(folder(), "device.sock");
  const left = createServer().listen(path);
  await new Promise((resolve) => void left.once("listening", resolve));
  renameSync(path, `${path}.kept`);
  await new Promise((resolve) => void left.close(resolve));
  renameSync(`${path}.kept`, path);
  writeFileSync(`${path}.secret`, "left over", { mode: 0o600 });
  await expect(attachDevice(path)).rejects.toMatchObject({ code: "not_connected" });
  const socket = await DeviceSocket.open({ device: new FakeDevice(), path });
  onTestFinished(() => socket.close());
  await (await attachDevice(path)).stop();
});

it("replaces a link that lies where the secret belongs, and does not write through it", async () => {
  const own = folder();
  const path = join(own, "device.sock");
  const victim = join(folder(), "victim");
  writeFileSync(victim, "precious");
  symlinkSync(victim, `${path}.secret`);
  symlinkSync(victim, path);
  const socket = await DeviceSocket.open({ device: new FakeDevice(), path });
  onTestFinished(() => socket.close());
  expect(readFileSync(victim, "utf8")).toBe("precious");
  await (await attachDevice(path)).stop();
});

/** Places for a socket that somebody else could reach into. */
const unsafe: readonly [string, (base: string) => string][] = [
  [
    "a link to a folder",
    (base) => {
      mkdirSync(join(base, "theirs"), { mode: 0o700 });
      symlinkSync(join(base, "theirs"), join(base, "ours"));
      return join(base, "ours");
    },
  ],
  [
    "a folder that others may enter",
    (base) => {
      mkdirSync(join(base, "ours"));
      chmodSync(join(base, "ours"), 0o711);
      return join(base, "ours");
    },
  ],
  [
    "a folder that everybody may rename",
    (base) => {
      chmodSync(base, 0o777);
      mkdirSync(join(base, "ours"), { mode: 0o700 });
      return join(base, "ours");
    },
  ],
];

it.each(unsafe)("neither listens nor shows its secret in %s", async (_, make) => {
  const path = join(make(folder()), "device.sock");
  await expect(DeviceSocket.open({ device: new FakeDevice(), path })).rejects.toMatchObject({
    code: "storage_unavailable",
  });
  const heard: string[] = [];
  const trap = createServer((socket) => socket.on("data", (data) => void heard.push(data.toString()))).listen(path);
  await new Promise((resolve) => void trap.once("listening", resolve));
  onTestFinished(() => void trap.close());
  writeFileSync(join(dirname(path), "device.sock.secret"), "A".repeat(43), { mode: 0o600 });
  await expect(attachDevice(path)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(heard).toEqual([]);
});
