import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { listenPathOf } from "@parley/client/node";
import { isParleyError, ParleyError } from "@parley/protocol";
import { lineVersions, readSocketSecret } from "@parley/sidecar";

import type { CommandModule } from "../command.ts";
import { openHome } from "../open-device.ts";
import { PipedRequests } from "../sidecar/piped-requests.ts";

const defaultWaitMs = 10_000;
const mostWaitMs = 86_400_000;
const pauseMs = 100;

/** Greets the socket and passes lines on, both ways, until either side ends. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const { socketPath } = await openHome(context);
  const waitMs = input.duration("wait", mostWaitMs) ?? defaultWaitMs;
  const { socket, secret } = await reach(socketPath, performance.now() + waitMs, signal);
  const requests = new PipedRequests();
  const program = input.text("program") ?? "pipe";
  const ended = Promise.withResolvers<void>();
  socket.on("error", () => undefined);
  socket.on("close", () => ended.resolve());
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  socket.write(`${JSON.stringify({ hello: { versions: [lineVersions.at(-1)], program, secret } })}\n`);
  const answers = createInterface({ input: socket });
  answers.on("line", (line) => {
    // A reader that is slow makes the socket rest, and the holder with it.
    if (!process.stdout.write(`${line}\n`)) {
      socket.pause();
      process.stdout.once("drain", () => socket.resume());
    }
    requests.onAnswer(line);
    if (requests.isDone) socket.end();
  });
  process.stdout.on("error", () => ended.resolve());
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    requests.onLine(line);
    if (socket.write(`${line}\n`)) return;
    lines.pause();
    socket.once("drain", () => lines.resume());
  });
  lines.on("close", () => {
    for (const line of requests.end()) socket.write(`${line}\n`);
    // What the holder has to say to the last lines still comes before the end.
    if (requests.isDone) socket.end();
  });
  await ended.promise;
  const lost = requests.waiting > 0 && !signal.aborted && socket.destroyed;
  lines.close();
  socket.destroy();
  process.stdin.destroy();
  if (lost || requests.isRefused)
    throw new ParleyError("closed", { message: "The process that holds the device ended the connection." });
  return 0;
};

/** Waits for a process that holds the device. Throws `not_connected`. */
async function reach(
  path: string,
  deadline: number,
  signal: AbortSignal,
): Promise<{ readonly socket: Socket; readonly secret: string }> {
  for (;;) {
    const socket = await connected(path);
    // After the connection: a holder writes its secret before it listens.
    const secret = socket && (await readSocketSecret(path).catch(unlessMissing));
    if (socket !== undefined && secret !== undefined) return { socket, secret };
    socket?.destroy();
    if (performance.now() > deadline)
      throw new ParleyError("not_connected", {
        message: "No process holds this device; run `parley sidecar`, or another command that stays.",
      });
    await pause(pauseMs, undefined, { signal });
  }
}

function unlessMissing(error: unknown): undefined {
  if (isParleyError(error) && error.code === "storage_unavailable") throw error;
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(listenPathOf(path));
    socket.once("error", () => resolve(undefined));
    socket.once("connect", () => resolve(socket));
  });
}
