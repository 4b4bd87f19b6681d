import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { createInterface } from "node:readline";

/** Debian puts it into a folder that a plain login leaves out. */
const folders = [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter);
const readyMs = 10_000;
/** Ticks in a second in which Linux counts processor time for programs (proc(5)). */
const ticksPerSecond = 100;

/** `nats-server` core in a process of its own: nothing kept, no cluster, no accounts. */
export class NatsServer {
  readonly version: string;
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #end = (): void => void this.#process.kill();

  private constructor(process_: ChildProcess, version: string, url: string) {
    this.#process = process_;
    this.version = version;
    this.url = url;
    process.once("exit", this.#end);
  }

  /** On a free port of this machine; undefined where the program is absent. */
  static async start(): Promise<NatsServer | undefined> {
    const child = spawn("nats-server", ["-a", "127.0.0.1", "-p", "-1"], {
      env: { ...process.env, PATH: folders },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const isThere = await new Promise<boolean>((resolve, reject) => {
      child.once("spawn", () => resolve(true));
      child.once("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(false) : reject(error)));
    });
    return isThere ? NatsServer.#listening(child) : undefined;
  }

  static async #listening(child: ChildProcess): Promise<NatsServer> {
    const { stderr } = child;
    if (stderr === null) throw new Error("nats-server says nothing");
    const hurry = setTimeout(() => child.kill(), readyMs);
    let version = "";
    let port = "";
    const lines = createInterface({ input: stderr });
    for await (const line of lines) {
      version = /Version:\s+(\S+)/.exec(line)?.[1] ?? version;
      port = /Listening for client connections on .*:(\d+)/.exec(line)?.[1] ?? port;
      if (line.endsWith("Server is ready")) break;
    }
    clearTimeout(hurry);
    stderr.resume();
    if (port === "") throw new Error("nats-server did not say where it listens");
    return new NatsServer(child, version, `nats://127.0.0.1:${port}`);
  }

  /** Seconds that it kept processors busy so far; it uses several. Undefined where the system does not tell. */
  processorSeconds(): number | undefined {
    try {
      const text = readFileSync(`/proc/${this.#process.pid}/stat`, "utf8");
      // The name before the last parenthesis may hold anything; fields 14 and 15 are the ticks.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    process.off("exit", this.#end);
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.kill()) await ended;
  }
}
