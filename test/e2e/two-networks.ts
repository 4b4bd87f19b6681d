import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import { namespaceRights, type NamespaceRights } from "../../scripts/network-namespaces.ts";
import { findProgram } from "../../scripts/system-programs.ts";

const run = promisify(execFile);

/** A network of its own: how to run a program in it, and its one machine's address. */
export interface Network {
  readonly address: string;
  /** The words before a program's own that start it in this network. */
  readonly enter: readonly string[];
}

/** Three namespaces without names: a network on the left, one on the right, and a router that forwards between them. */
export class TwoNetworks implements AsyncDisposable {
  readonly left: Network;
  readonly right: Network;
  readonly #holders: readonly ChildProcess[];

  private constructor(left: Network, right: Network, holders: readonly ChildProcess[]) {
    this.left = left;
    this.right = right;
    this.#holders = holders;
  }

  static async start(): Promise<TwoNetworks> {
    const rights = namespaceRights();
    if (rights === undefined) throw new Error("This account may not make network namespaces.");
    const router = await hold(["unshare", ...rights.unshare]);
    const inRouter = enter(router, rights);
    // Made from within the router's, so that one account owns all three.
    const [left, right] = [
      await hold([...inRouter, "unshare", "--net"]),
      await hold([...inRouter, "unshare", "--net"]),
    ];
    await sh(inRouter, "echo 1 > /proc/sys/net/ipv4/ip_forward");
    const networks = [await connect(router, left, 1, rights), await connect(router, right, 2, rights)] as const;
    return new TwoNetworks(...networks, [router, left, right]);
  }

  /** Nothing is left to clean up: a namespace goes with its last process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#holders.map(async (holder) => {
        const closed = once(holder, "close");
        holder.stdin?.end();
        await closed;
      }),
    );
  }
}

/** Makes a namespace that lives as long as this process: `cat` ends when its input does, also when this process is killed. */
async function hold([command = "", ...words]: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, [...words, "sh", "-c", "echo; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const ready = await Promise.race([
    once(child.stdout, "data").then(() => true),
    once(child, "close").then(() => false),
  ]);
  if (!ready) throw new Error(`${command} ${words.join(" ")} made no namespace.`);
  return child;
}

/** What runs in a network ends with these tests, also when they are killed. */
const enter = ({ pid }: ChildProcess, rights: NamespaceRights): readonly string[] => [
  "nsenter",
  "--target",
  String(pid),
  ...rights.nsenter,
  "setpriv",
  "--pdeathsig",
  "KILL",
];

async function sh([command = "", ...words]: readonly string[], script: string): Promise<void> {
  await run(command, [...words, "sh", "-ec", script]);
}

/** 10.81.<number>.0/24: the router is .1, the network's machine .2. */
async function connect(
  router: ChildProcess,
  machine: ChildProcess,
  number: number,
  rights: NamespaceRights,
): Promise<Network> {
  const ip = findProgram("ip") ?? "ip";
  const prefix = `10.81.${number}`;
  const network = { address: `${prefix}.2`, enter: enter(machine, rights) };
  await sh(
    enter(router, rights),
    `${ip} link add net${number} type veth peer name eth0 netns ${machine.pid}
     ${ip} address add ${prefix}.1/24 dev net${number}
     ${ip} link set net${number} up`,
  );
  await sh(
    network.enter,
    `${ip} link set lo up
     ${ip} address add ${prefix}.2/24 dev eth0
     ${ip} link set eth0 up
     ${ip} route add default via ${prefix}.1
     until ${ip} -brief link show eth0 | grep -q " UP "; do sleep 0.02; done`,
  );
  return network;
}
