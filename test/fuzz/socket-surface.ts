import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { attachDevice, DeviceSocket, operationTable } from "@parley/sidecar";
import type { SeededRandom } from "@parley/testkit";

import { TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { mutateBytes, mutateJson, mutateText } from "./mutate.ts";
import { plantedText, type Surface, within } from "./surface.ts";

const linesPerCase = 20;
const closeMs = 10_000;
const operations = Object.keys(operationTable);

function lineOf(random: SeededRandom, id: number): string {
  const body = { to: "held", text: plantedText, who: "@held", skill: "search", input: {} };
  if (random.chance(0.1)) return new TextDecoder().decode(random.bytes(random.below(300)));
  return random.chance(0.5)
    ? JSON.stringify({ id, op: random.pick(operations), body: mutateJson(body, random) })
    : mutateText({ id, op: random.pick(operations), body }, random);
}

/** The socket by which local programs use a held device. */
export async function openSocketSurface(): Promise<Surface> {
  const mesh = await TestMesh.start();
  const { device } = await mesh.join("held");
  const folder = await mkdtemp(join(tmpdir(), "parley-fuzz-"));
  const path = join(folder, "device.sock");
  const opened = await DeviceSocket.open({ device, path });
  return {
    secrets: [],
    takeLog: () => [],
    async run(random) {
      const socket = connect(path);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => undefined).resume();
      if (random.chance(0.9)) socket.write('{"hello":{"versions":[1],"program":"fuzz"}}\n');
      for (let count = 1; count <= linesPerCase; count++) socket.write(`${lineOf(random, count)}\n`);
      socket.end(mutateBytes(Buffer.from('{"id":1}\n'), random));
      await within(closed, closeMs, "closing a local connection");
      return linesPerCase;
    },
    async probe() {
      const attached = await within(attachDevice(path), closeMs, "attaching to the device");
      await attached.stop();
    },
    async close() {
      await opened.close();
      await mesh.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
