import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import { namespaceRights, type NamespaceRights } from "../../scripts/network-namespaces.ts";
import { findProgram } from "../../scripts/system-programs.ts";

const run = promisify(execFile);

/** One machine's network: its address, and the words before a program's own that start it there. */
export interface Place {
  readonly address: string;
  readonly enter: readonly string[];
}

/** What the router in the middle drops. Addresses; without one, any. */
export interface Cut {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: "udp" | "tcp";
  /** Port of `to`. */
  readonly port?: number;
}

const addressOf = (number: number): string => `10.82.${number}.2`;

/** Machines around one router, each in a network namespace of its own without a name; the router drops what it is told. */
export class ChaosNetwork implements AsyncDisposable {
  readonly places: readonly Place[];
  readonly #router: readonly string[];
  readonly #holders: readonly ChildProcess[];
  readonly #cuts = new Set<readonly Cut[]>();
  #applying: Promise<void> = Promise.resolve();

  private constructor(places: readonly Place[], router: readonly string[], holders: readonly ChildProcess[]) {
    this.places = places;
    this.#router = router;
    this.#holders = holders;
  }

  static async start(count: number): Promise<ChaosNetwork> {
    const rights = namespaceRights();
    if (rights === undefined) throw new Error("This account may not make network namespaces.");
    const router = await hold(["unshare", ...rights.unshare]);
    const inRouter = enter(router, rights);
    const holders = [router];
    const places: Place[] = [];
    await sh(inRouter, "echo 1 > /proc/sys/net/ipv4/ip_forward");
    for (let number = 1; number <= count; number++) {
      // Made from within the router's, so that one account owns them all.
      const machine = await hold([...inRouter, "unshare", "--net"]);
      holders.push(machine);
      places.push(await connect(router, machine, number, rights));
    }
    const network = new ChaosNetwork(places, inRouter, holders);
    await network.#apply();
    return network;
  }

  /** Drops what matches any of these from now on; returns the way back. */
  async cut(cuts: readonly Cut[]): Promise<() => Promise<void>> {
    this.#cuts.add(cuts);
    await this.#apply();
    return async () => {
      this.#cuts.delete(cuts);
      await this.#apply();
    };
  }

  /** Drops nothing any more. */
  async heal(): Promise<void> {
    this.#cuts.clear();
    await this.#apply();
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

  /** All rules at once and one change after the other: never a moment with half of them. */
  #apply(): Promise<void> {
    const next = this.#applying.then(async () => {
      const rules = [...this.#cuts].flat().map((cut) => `    ${ruleOf(cut)}`);
      const script = [
        "table inet chaos",
        "delete table inet chaos",
        "table inet chaos {",
        "  chain cuts {",
        "    type filter hook forward priority 0; policy accept;",
        ...rules,
        "  }",
        "}",
      ];
      await sh(this.#router, `${findProgram("nft") ?? "nft"} -f - <<'END'\n${script.join("\n")}\nEND`);
    });
    this.#applying = next.catch(() => undefined);
    return next;
  }
}

function ruleOf({ from, to, protocol, port }: Cut): string {
  const words = [
    ...(from === undefined ? [] : [`ip saddr ${from}`]),
    ...(to === undefined ? [] : [`ip daddr ${to}`]),
    ...(protocol === undefined ? [] : [port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`]),
  ];
  return `${words.join(" ")} drop`;
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

/** What runs in a network ends with this run, also when it is killed. */
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

/** 10.82.<number>.0/24: the router is .1, the machine .2. */
async function connect(
  router: ChildProcess,
  machine: ChildProcess,
  number: number,
  rights: NamespaceRights,
): Promise<Place> {
  const ip = findProgram("ip") ?? "ip";
  const place = { address: addressOf(number), enter: enter(machine, rights) };
  await sh(
    enter(router, rights),
    `${ip} link add net${number} type veth peer name eth0 netns ${machine.pid}
     ${ip} address add 10.82.${number}.1/24 dev net${number}
     ${ip} link set net${number} up`,
  );
  await sh(
    place.enter,
    `${ip} link set lo up
     ${ip} address add ${place.address}/24 dev eth0
     ${ip} link set eth0 up
     ${ip} route add default via 10.82.${number}.1
     until ${ip} -brief link show eth0 | grep -q " UP "; do sleep 0.02; done`,
  );
  return place;
}
