/** Network namespaces without names, each held by a process: they go when it goes, also when the lab is killed. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import type { NamespaceRights } from "../../scripts/network-namespaces.ts";

const run = promisify(execFile);

export class Namespace implements AsyncDisposable {
  readonly name: string;
  readonly #holder: ChildProcess;
  readonly #rights: NamespaceRights;

  private constructor(name: string, holder: ChildProcess, rights: NamespaceRights) {
    this.name = name;
    this.#holder = holder;
    this.#rights = rights;
  }

  /** The first one; the others are made from within it, so that one account owns them all. */
  static async first(name: string, rights: NamespaceRights): Promise<Namespace> {
    return new Namespace(name, await hold(["unshare", ...rights.unshare]), rights);
  }

  async another(name: string): Promise<Namespace> {
    return new Namespace(name, await hold([...this.enter, "unshare", "--net"]), this.#rights);
  }

  /** What `ip link … netns` takes. */
  get pid(): number {
    return this.#holder.pid ?? 0;
  }

  /** The words before a program's own that start it in here. It ends when whoever started it does. */
  get enter(): readonly string[] {
    return ["nsenter", "--target", String(this.pid), ...this.#rights.nsenter, "setpriv", "--pdeathsig", "KILL"];
  }

  /** Runs a shell script in here; rejects when a line fails. */
  async sh(script: string): Promise<string> {
    const [command = "", ...words] = this.enter;
    const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
    const env = { ...process.env, PATH: path };
    const { stdout } = await run(command, [...words, "sh", "-ec", script], { env });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#holder, "close");
    this.#holder.stdin?.end();
    await closed;
  }
}

/** `cat` ends when its input does. */
async function hold([command = "", ...words]: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, [...words, "sh", "-c", "echo; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const ready = await Promise.race([
    once(child.stdout, "data").then(() => true),
    once(child, "close").then(() => false),
  ]);
  if (!ready) throw new Error(`${command} ${words.join(" ")} made no namespace.`);
  return child;
}
