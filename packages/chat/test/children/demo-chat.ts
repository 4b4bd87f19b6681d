/** The chat over a device without a mesh; what happens to it comes as lines of JSON over the socket named by its first argument. */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";

import { type Clock, systemClock } from "@parley/core";

import { openChat } from "../../src/index.ts";
import { playDemo } from "../demo-scene.ts";
import { FakeDevice } from "../fake-device.ts";

const [, , socketPath = "", mode = "full"] = process.argv;
/** What is shorter than this is the terminal's own time; all else stands still, so that a screen is the same each time. */
const shortMs = 100;
/** Turns of the event loop after which the device has done what it was asked to do. */
const turns = 10;

let now = Date.UTC(2026, 10, 20, 9, 0);
const clock: Clock = {
  ...systemClock,
  now: () => now,
  setTimer: (ms, run) => (ms < shortMs ? systemClock.setTimer(ms, run) : { cancel: () => undefined }),
};
const device = new FakeDevice({ now: () => now });
const scene = playDemo(device, (minutes) => {
  now += minutes * 60_000;
});
if (mode === "full") await scene("full", {});

const { stdin, stdout } = process;
const chat = openChat({ device, stdin, stdout, environment: process.env, clock });

/** Ends with a title, which comes after everything that is to be seen. */
async function settle(mark: string): Promise<void> {
  for (let count = 0; count < turns; count++) await turn();
  await chat.settled();
  stdout.write(`\u001B]2;${mark}\u0007`);
}

/** Resolves when the terminal has this size. */
async function sized({ columns, rows }: Record<string, unknown>): Promise<void> {
  while (stdout.columns !== columns || stdout.rows !== rows) await once(stdout, "resize");
}

const socket = connect(socketPath);
createInterface({ input: socket }).on("line", (line) => {
  const { act, ...facts }: { act: string } & Record<string, unknown> = JSON.parse(line);
  const done = act === "settle" ? settle(String(facts["mark"])) : act === "size" ? sized(facts) : scene(act, facts);
  void done.then(() => socket.write("done\n"));
});
await chat.ended;
socket.end();
