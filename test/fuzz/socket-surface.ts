import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { attachDevice, DeviceSocket, operationTable } from "@parley/sidecar";
import type { SeededRandom } from "@parley/testkit";

import { TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { mutateBytes, mutateJson, mutateText } from "./mutate.ts";
import { BrokenInvariant, plantedText, type Surface, within } from "./surface.ts";

const linesPerCase = 20;
const closeMs = 10_000;
const operations = Object.keys(operationTable);
const id16 = "AAAAAAAAAAAAAAAAAAAAAA";

/** Bodies of operations, of the right form or nearly. */
const bodies = [
  { to: "held", text: plantedText, who: "@held", skill: "search", input: {} },
  {},
  { who: "@held", asks: true },
  { mode: "mentions", forMs: 1000 },
  { loop: { conversation: `d:${plantedText}`, kind: "thanks", messages: 3, since: 1 } },
  { conversation: plantedText },
  { client: { id: plantedText, name: plantedText } },
  { id: id16 },
  { on: true },
  { to: "@held", terms: { skills: ["search"], lifeMs: 1000 }, chain: [`a.${plantedText}.c`] },
  { requests: [id16], decision: "granted", standing: { uses: 1, lifeMs: 1000 } },
  { request: id16, text: plantedText },
  { task: id16, text: plantedText },
  { tokens: 1, money: 1 },
  { type: "directory.get", body: { name: plantedText } },
] as const;

/** The greeting, mostly with the socket's secret; else without it, with another one, or hardly a greeting. */
function helloOf(secret: string, random: SeededRandom): string {
  const hello = { versions: [1], program: plantedText, secret };
  const draw = random.fraction();
  if (draw < 0.7) return JSON.stringify({ hello });
  if (draw < 0.8) return JSON.stringify({ hello: { ...hello, secret: `${secret.slice(1)}A` } });
  if (draw < 0.9) return JSON.stringify({ hello: mutateJson(hello, random) });
  return mutateText({ hello }, random);
}

function lineOf(random: SeededRandom, id: number): string {
  if (random.chance(0.03)) return JSON.stringify(random.chance(0.5) ? { cancel: id - 1 } : { ack: id - 1, n: 1 });
  const body = random.pick(bodies);
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
  const secret = (await readFile(`${path}.secret`, "utf8")).trimEnd();
  let cases = 0;
  let greeted = 0;
  const answers: string[] = [];
  return {
    // No answer says the secret; what somebody sent may come back to it.
    secrets: [secret],
    takeLog: () => answers.splice(0),
    async run(random) {
      cases++;
      const socket = connect(path);
      socket.setEncoding("utf8").on("data", (text: string) => void answers.push(text));
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => undefined);
      if (random.chance(0.95)) socket.write(`${helloOf(secret, random)}\n`);
      for (let count = 1; count <= linesPerCase; count++) socket.write(`${lineOf(random, count)}\n`);
      socket.end(mutateBytes(Buffer.from('{"id":1}\n'), random));
      await within(closed, closeMs, "closing a local connection");
      if (answers.some((text) => text.includes('"welcome"'))) greeted++;
      return linesPerCase;
    },
    async probe() {
      // Lines that nobody listens to find nothing.
      if (cases > 20 && greeted * 2 < cases) throw new BrokenInvariant("most connections were not let in");
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
