/** `runChat` over a device without a mesh; what happens to it comes as lines of JSON over the socket named by its first argument. */
import { connect } from "node:net";
import { createInterface } from "node:readline";

import { runChat, runPlainChat } from "../../src/index.ts";
import { playDemo } from "../demo-scene.ts";
import { FakeDevice } from "../fake-device.ts";

const [, , socketPath = "", mode = "full"] = process.argv;
// Minutes go by between messages, not while somebody looks.
let now = Date.UTC(2026, 10, 20, 9, 0);
const device = new FakeDevice({ now: () => now });
const clock = { ...(await import("@parley/core")).systemClock, now: () => now };
const scene = playDemo(device, (minutes) => {
  now += minutes * 60_000;
});
if (mode !== "empty") await scene("full", {});

const socket = connect(socketPath);
createInterface({ input: socket }).on("line", (line) => {
  const { act, ...facts }: { act: string } & Record<string, unknown> = JSON.parse(line);
  void scene(act, facts).then(() => socket.write("done\n"));
});
const { stdin, stdout } = process;
const shown =
  mode === "plain"
    ? runPlainChat({ device, input: stdin, output: stdout, clock, interactive: false })
    : runChat({ device, stdin, stdout, environment: process.env, clock });
await shown;
socket.end();
