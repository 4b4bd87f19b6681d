/** coturn, run from the very configuration that `parley turn config` writes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { coturnConfiguration, defaultTurnPort } from "../../packages/cli/src/turn/coturn-configuration.ts";
import { stunAddresses } from "./internet.ts";
import type { Namespace } from "./namespace.ts";

const readyMs = 10_000;

export class TurnServer implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it in a namespace that has the addresses; resolves once it listens. */
  static async start(place: Namespace, folder: string, secret: string): Promise<TurnServer> {
    const path = join(folder, "turnserver.conf");
    const text = coturnConfiguration({
      realm: "lab.example",
      secret,
      listen: stunAddresses,
      port: defaultTurnPort,
      relayPorts: [50_000, 50_999],
    });
    await writeFile(path, text, { mode: 0o600 });
    const [command, ...words] = [...place.enter, "turnserver", "-c", path];
    // Files that it would put into the system's folders.
    const files = ["--pidfile", join(folder, "turnserver.pid"), "--userdb", join(folder, "turndb")];
    const child = spawn(command, [...words, ...files], { stdio: ["ignore", "pipe", "pipe"] });
    const last: string[] = [];
    const ready = Promise.withResolvers<void>();
    const timer = setTimeout(() => ready.reject(new Error(`coturn does not start:\n${last.join("\n")}`)), readyMs);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        if (last.push(line) > 20) last.shift();
        if (/Total General servers/i.test(line)) ready.resolve();
      });
    child.once("close", () => ready.reject(new Error(`coturn ended:\n${last.join("\n")}`)));
    await ready.promise.finally(() => clearTimeout(timer));
    return new TurnServer(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
  }
}
