/** Network namespaces without names, each held by a process: they go when it goes, also when the lab is killed. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import type { NamespaceRights } from "../../scripts/network-namespaces.ts";

const run = promisify(execFile);

/** How a machine hangs on a router. */
interface Attachment {
  /** The router's interface towards it. */
  readonly lan: string;
  /** The router's address there, and the machine's. */
  readonly near: string;
  readonly address: string;
  readonly prefix: number;
}

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

  /** As a router: gets an interface called `lan`, with `machine` at its other end, whose only way out this is. */
  async connect(machine: Namespace, { lan, near, address, prefix }: Attachment): Promise<void> {
    await this.sh(`ip link add ${lan} type veth peer name eth0 netns ${machine.pid}
      ip address add ${near}/${prefix} dev ${lan}
      ip link set ${lan} up
      echo 1 > /proc/sys/net/ipv4/ip_forward`);
    await machine.sh(`ip link set lo up
      ip address add ${address}/${prefix} dev eth0
      ip link set eth0 up
      ip route add default via ${near}
      until ip -brief link show eth0 | grep -q " UP "; do sleep 0.02; done`);
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
