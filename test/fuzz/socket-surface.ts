import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { createAgent, runAgent } from "@parley/agent";
import { attachDevice, DeviceSocket, operationTable } from "@parley/sidecar";
import type { SeededRandom } from "@parley/testkit";

import { ProgramHost } from "../../packages/cli/src/sidecar/program-host.ts";
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

/** What programs in other languages ask, each with its operation. */
const asked = [
  ["serve", { skills: [{ id: "search", description: plantedText, input: { type: "object" }, approval: {} }] }],
  ["serve", { skills: [{ id: "other", output: { $ref: "#" } }], concurrency: 2 }],
  ["reply", { task: id16, progress: plantedText }],
  ["reply", { task: id16, artifact: { text: plantedText, append: true } }],
  ["reply", { task: id16, result: { [plantedText]: [1] } }],
  ["reply", { task: id16, error: { code: "not_found", message: plantedText } }],
  ["reply", { task: id16, ask: { question: plantedText, of: "@held" } }],
  ["subscribe", { events: ["messages", "peers", "receipts"] }],
  ["subscribe", { channel: "#general", name: plantedText, replay: 1 }],
  ["history", { conversation: "#general", limit: 10, before: 1 }],
  ["broadcast", { text: plantedText, kind: "agent", waitMs: 1 }],
  ["list_peers", { skill: "search", live: true, limit: 10 }],
  ["delegate", { skill: "search", input: { [plantedText]: 1 }, task: id16, onBehalf: true }],
] as const;

/** What there is, and is not, in the folder for larger bodies. */
const files = ["body.json", "link.json", "folder", "gone.json", "../outside.json", "/etc/passwd", ".x", ""] as const;

/** The greeting, mostly with the socket's secret; else without it, with another one, or hardly a greeting. */
function helloOf(secret: string, random: SeededRandom): string {
  const hello = { versions: [random.chance(0.5) ? 1 : 2], program: plantedText, secret };
  const draw = random.fraction();
  if (draw < 0.7) return JSON.stringify({ hello });
  if (draw < 0.8) return JSON.stringify({ hello: { ...hello, secret: `${secret.slice(1)}A` } });
  if (draw < 0.9) return JSON.stringify({ hello: mutateJson(hello, random) });
  return mutateText({ hello }, random);
}

function lineOf(random: SeededRandom, id: number): string {
  if (random.chance(0.03)) return JSON.stringify(random.chance(0.5) ? { cancel: id - 1 } : { ack: id - 1, n: 1 });
  if (random.chance(0.3)) {
    const [op, body] = random.pick(asked);
    return JSON.stringify({ id, op, body: random.chance(0.5) ? body : mutateJson(body, random) });
  }
  const body = random.pick(bodies);
  if (random.chance(0.1)) return new TextDecoder().decode(random.bytes(random.below(300)));
  if (random.chance(0.1)) return JSON.stringify({ id, op: random.pick(operations), file: random.pick(files) });
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
  const host = new ProgramHost({ mostHops: 8 });
  /** Programs that are gone leave no skill behind, once the card says so. */
  const nothingServed = async (): Promise<void> => {
    while (running.skills.length > 0) await setImmediate();
  };
  const opened = await DeviceSocket.open({ device, path, host });
  const agent = createAgent({ name: device.name, skills: [] });
  const running = await runAgent({ agent, device, log: () => undefined, leavesMessages: true });
  host.begin(running);
  const outside = join(folder, "outside.json");
  await writeFile(outside, "{}", { mode: 0o600 });
  const putFiles = async (random: SeededRandom): Promise<void> => {
    const bodyFolder = `${path}.files`;
    await writeFile(join(bodyFolder, "body.json"), mutateText(random.pick(bodies), random), { mode: 0o600 });
    await symlink(outside, join(bodyFolder, "link.json")).catch(() => undefined);
    await mkdir(join(bodyFolder, "folder")).catch(() => undefined);
  };
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
      await putFiles(random);
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
      if ((await readFile(outside, "utf8")) !== "{}")
        throw new BrokenInvariant("a file outside the folder was touched");
      await within(nothingServed(), closeMs, "taking away the skills of programs that went");
    },
    async close() {
      await running.stop();
      await opened.close();
      await mesh.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
