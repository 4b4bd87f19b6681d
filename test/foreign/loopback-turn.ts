/** coturn on the loopback address, with ephemeral credentials of a secret. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const address = "127.0.0.1";
const readyMs = 10_000;
const mostLines = 20;

/** A UDP port that is free now. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

function argumentsFor(port: number, secret: string, folder: string): string[] {
  const line = [
    `-n --no-cli --no-tls --no-dtls --use-auth-secret --static-auth-secret ${secret} --realm parley.test`,
    `--listening-ip ${address} --relay-ip ${address} --listening-port ${port} --allow-loopback-peers`,
    `--log-file stdout --simple-log`,
  ].join(" ");
  // Files that it would put into the system's folders.
  const files = ["--pidfile", join(folder, "turnserver.pid"), "--userdb", join(folder, "turnserver.db")];
  return [...line.split(" "), ...files];
}

export class LoopbackTurn implements AsyncDisposable {
  /** For the registry's `ice.turn`. */
  readonly turn: { readonly urls: readonly string[]; readonly secret: string };
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, turn: LoopbackTurn["turn"]) {
    this.#child = child;
    this.#folder = folder;
    this.turn = turn;
  }

  /** Resolves once it listens. */
  static async start(): Promise<LoopbackTurn> {
    const folder = await mkdtemp(join(tmpdir(), "parley-turn-"));
    const port = await freePort();
    const secret = "secret-of-this-test";
    const child = spawn(process.env["PARLEY_TURNSERVER"] ?? "turnserver", argumentsFor(port, secret, folder), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    await ready(child);
    return new LoopbackTurn(child, folder, { urls: [`turn:${address}:${port}?transport=udp`], secret });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const last: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (what: string): void => reject(new Error(`coturn ${what}:\n${last.join("\n")}`));
  const timer = setTimeout(() => fail("does not start"), readyMs);
  child.once("error", () => fail("cannot be started"));
  child.once("close", () => fail("ended"));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      if (last.push(line) > mostLines) last.shift();
      if (/Total General servers/i.test(line)) resolve();
    });
  }
  await promise.finally(() => clearTimeout(timer));
}
