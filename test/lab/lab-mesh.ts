/** A mesh on the little Internet: a registry and its operator in the middle, an agent or a person on every host. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Operator } from "@parley/client";
import { Home } from "@parley/client/node";
import { attachDevice, type AttachedDevice } from "@parley/sidecar";

import { type Command, Terminal } from "../e2e/terminal.ts";
import { type Host, type Internet, registryAddress, stunAddresses } from "./internet.ts";
import { overAll } from "./over-all.ts";

/** The one port that the strictest network lets out to. */
const registryPort = 443;
const operatorName = "ada";
const mostInvited = 100;

export class LabMesh implements AsyncDisposable {
  readonly #folder: string;
  readonly #internet: Internet;
  readonly #terminals = new Map<string, Terminal>();

  private constructor(folder: string, internet: Internet) {
    this.#folder = folder;
    this.#internet = internet;
  }

  /** Starts the registry, admits a member for every host, and runs the agents of side B. */
  static async start(internet: Internet, folder: string, turnSecret: string): Promise<LabMesh> {
    const mesh = new LabMesh(folder, internet);
    try {
      const operator = await mesh.#startRegistry(turnSecret);
      const invite = (await operator.type("invite", "create", "--uses", String(mostInvited))).out;
      await mesh.#prepareAgents(operator);
      await overAll(internet.hosts, 2, (host) => mesh.#admit(operator, host, invite));
      await overAll(
        internet.hosts.filter(({ side }) => side === "b"),
        2,
        (host) =>
          mesh
            .terminal(host)
            .start("run")
            .line(/ is ready/),
      );
      return mesh;
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where someone types on a host; on side B, in the agent's folder. */
  terminal(host: Host): Terminal {
    return this.#known(host.name);
  }

  /** Starts a device that holds nothing yet on a host of side A. */
  async startDevice(host: Host): Promise<Command> {
    const command = this.terminal(host).start("listen");
    await command.line(/ listens/);
    return command;
  }

  /** Speaks to the device that runs on a host, by its socket. */
  async attach(host: Host): Promise<AttachedDevice> {
    const folder = this.#folderOf(host.name);
    const home = await Home.open(join(folder, ".parley"));
    return attachDevice(home.socketPath, { program: "lab" });
  }

  /** What the operator may do, by the device that runs in the middle. */
  async attachOperator(): Promise<{ readonly device: AttachedDevice; readonly operator: Operator }> {
    const home = await Home.open(join(this.#folderOf(operatorName), ".parley"));
    const device = await attachDevice(home.socketPath, { program: "lab" });
    const { registry, identity } = await home.mesh();
    const trust = async () => (await home.mesh()).trust;
    return { device, operator: new Operator({ device, root: identity.root, trust, registry }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = [...this.#terminals.values()].map((terminal) => terminal[Symbol.asyncDispose]());
    await Promise.all(ends);
  }

  #known(name: string): Terminal {
    const terminal = this.#terminals.get(name);
    if (terminal === undefined) throw new Error(`Nobody is called ${name}.`);
    return terminal;
  }

  #folderOf(name: string): string {
    return join(this.#folder, name);
  }

  async #open(name: string, enter: readonly string[]): Promise<Terminal> {
    const home = this.#folderOf(name);
    await mkdir(home, { recursive: true });
    const terminal = new Terminal({ home, cwd: home, enter });
    this.#terminals.set(name, terminal);
    return terminal;
  }

  async #startRegistry(turnSecret: string): Promise<Terminal> {
    const { core } = this.#internet;
    const registry = await this.#open("registry", core.enter);
    const server = `${stunAddresses[0]}:3478`;
    const settings = [
      `host: ${registryAddress}`,
      "plaintext: true",
      `port: ${registryPort}`,
      `stun-urls: stun:${server}`,
      `turn-urls: turn:${server}`,
      `turn-secret: ${turnSecret}`,
    ];
    await writeFile(join(this.#folderOf("registry"), "parley.yaml"), settings.join("\n"), { mode: 0o600 });
    const [, claim = ""] = await registry.start("up").line(/parley pair '(.+)'/);
    const operator = await this.#open(operatorName, core.enter);
    await operator.type("pair", claim, "--name", operatorName);
    // Holds the device, so that commands beside it need not connect each.
    await operator.start("listen").line(/ listens/);
    return operator;
  }

  /** One agent is made by `parley init`; the others are copies with a name of their own. */
  async #prepareAgents(operator: Terminal): Promise<void> {
    const sample = "sample";
    await operator.type("init", sample, "--dir", this.#folderOf(sample));
    const manifest = await readFile(join(this.#folderOf(sample), "agent.yaml"), "utf8");
    for (const { side, name } of this.#internet.hosts) {
      if (side === "a") continue;
      await cp(this.#folderOf(sample), this.#folderOf(name), { recursive: true });
      await writeFile(join(this.#folderOf(name), "agent.yaml"), manifest.replace(/^name: .*$/m, `name: ${name}`));
    }
  }

  async #admit(operator: Terminal, host: Host, invite: string): Promise<void> {
    const terminal = await this.#open(host.name, host.machine.enter);
    await terminal.type("pair", invite, "--name", host.name, "--no-wait");
    await operator.type("member", "approve", host.name);
  }
}
