import type { Device } from "@parley/client";
import { expect, it } from "vitest";

import { MeshScope, Messages } from "./device-fixture.ts";

it("counts what a device sent and received, by path and by why it went that way", async () => {
  await using scope = await MeshScope.start();
  const alice = await scope.join("alice");
  const bob = await scope.join("bob", { links: false });
  const messages = new Messages(bob.device);
  for (let count = 0; count < 3; count++) {
    const sent = await alice.device.send("@bob", `m ${count}`);
    await sent.reaches("handled");
  }
  await messages.count(3);
  const value = async (device: Device, name: string, labels: Record<string, string>): Promise<number | undefined> =>
    (await device.metrics()).find(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
    )?.value;
  expect(await value(alice.device, "messages_sent", { state: "accepted", path: "none" })).toBe(3);
  expect(await value(alice.device, "messages_sent", { state: "delivered", path: "relay" })).toBe(3);
  expect(await value(alice.device, "messages_by_reason", { path: "relay" })).toBeGreaterThan(0);
  expect(await value(bob.device, "messages_received", { path: "relay", class: "durable" })).toBe(3);
  expect(await value(alice.device, "frames_sent", { path: "mailbox" })).toBeGreaterThanOrEqual(3);
  expect(await value(alice.device, "bytes_received", { path: "relay" })).toBeGreaterThan(0);
});
