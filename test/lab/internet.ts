/**
 * A small Internet of namespaces: one network in the middle with the STUN, TURN and registry machine on it, and behind
 * routers of their own, one host for each kind of network on side A and one on side B.
 */
import { type NatKind, natKinds } from "../../packages/cli/src/stun/nat-kind.ts";
import type { NamespaceRights } from "../../scripts/network-namespaces.ts";
import { Namespace } from "./namespace.ts";
import { routerRules } from "./router-rules.ts";

export type Side = "a" | "b";

/** A machine that agents run on. */
export interface Host {
  readonly side: Side;
  readonly kind: NatKind;
  /** `a-full-cone`: also the name of the member on it. */
  readonly name: string;
  readonly machine: Namespace;
  readonly router: Namespace;
  readonly address: string;
  /** What others see; the host's own on a public one. */
  readonly outside: string;
}

/** Two addresses of the STUN and TURN server, and the registry's. Documentation addresses count as public here. */
export const stunAddresses = ["203.0.113.1", "203.0.113.2"] as const;
export const registryAddress = "203.0.113.3";
const gateway = "203.0.113.254";

export class Internet implements AsyncDisposable {
  readonly core: Namespace;
  readonly hosts: readonly Host[];
  readonly #all: readonly Namespace[];

  private constructor(core: Namespace, hosts: readonly Host[], all: readonly Namespace[]) {
    this.core = core;
    this.hosts = hosts;
    this.#all = all;
  }

  static async start(rights: NamespaceRights, kinds: readonly NatKind[] = natKinds): Promise<Internet> {
    const core = await Namespace.first("core", rights);
    const rest = await core.another("rest");
    const all = [core, rest];
    try {
      await startCore(core, rest);
      const places = (["a", "b"] as const).flatMap((side, at) =>
        kinds.map((kind) => ({ side, kind, number: at * natKinds.length + natKinds.indexOf(kind) + 1 })),
      );
      const hosts: Host[] = [];
      for (const { side, kind, number } of places) {
        const name = `${side}-${kind}`;
        const router = await core.another(`${name} router`);
        const machine = await core.another(name);
        all.push(router, machine);
        hosts.push({ side, kind, name, machine, router, ...(await connect(core, router, machine, kind, number)) });
      }
      return new Internet(core, hosts, all);
    } catch (error) {
      await Promise.all(all.map((each) => each[Symbol.asyncDispose]()));
      throw error;
    }
  }

  host(side: Side, kind: NatKind): Host {
    const found = this.hosts.find((host) => host.side === side && host.kind === kind);
    if (found === undefined) throw new Error(`There is no host ${side}-${kind}.`);
    return found;
  }

  /** Drops every datagram between two hosts, both ways, without a word. */
  async cut(one: Host, other: Host): Promise<void> {
    const rules = (host: Host, far: Host) =>
      `nft add rule ip router cut iifname wan ip saddr ${far.outside} meta l4proto udp drop
       nft add rule ip router cut iifname lan ip daddr ${far.outside} meta l4proto udp drop`;
    await Promise.all([one.router.sh(rules(one, other)), other.router.sh(rules(other, one))]);
  }

  /** Keeps the registry from a host, both ways, without a word; links are not touched. `mend` ends it. */
  async cutRegistry(host: Host): Promise<void> {
    await host.router.sh(`nft add rule ip router cut iifname lan ip daddr ${registryAddress} drop
       nft add rule ip router cut iifname wan ip saddr ${registryAddress} drop`);
  }

  async mend(one: Host, other: Host): Promise<void> {
    await Promise.all([one, other].map(({ router }) => router.sh("nft flush chain ip router cut")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((each) => each[Symbol.asyncDispose]()));
  }
}

/** The rest of the Internet takes everything and answers nothing: with no route, what is sent there would fail at once. */
async function startCore(core: Namespace, rest: Namespace): Promise<void> {
  const addresses = [...stunAddresses, registryAddress].map((address) => `ip address add ${address}/16 dev hub`);
  await core.sh(`ip link set lo up
    ip link add hub type bridge
    ${addresses.join("\n")}
    ip link set hub up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
    echo 0 > /proc/sys/net/ipv4/conf/hub/send_redirects
    ip link add rest type veth peer name core netns ${rest.pid}
    ip link set rest master hub up`);
  await rest.sh(`ip link set lo up
    ip address add ${gateway}/16 dev core
    ip link set core up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    nft -f - <<'X'
table ip rest { chain through { type filter hook forward priority 0; policy drop; }; }
X`);
  await core.sh(`ip route add default via ${gateway}`);
}

/** 203.0.113.<10+number> is the router, or 203.0.<number>.2 a public host; 10.0.<number>.2 the host behind a router. */
async function connect(
  core: Namespace,
  router: Namespace,
  machine: Namespace,
  kind: NatKind,
  number: number,
): Promise<Pick<Host, "address" | "outside">> {
  const wan = `203.0.113.${10 + number}`;
  const network = kind === "public" ? `198.51.100.${number * 4}` : `10.0.${number}.0`;
  const prefix = kind === "public" ? 30 : 24;
  const [near, address] = [1, 2].map((last) => network.replace(/\d+$/, (text) => String(Number(text) + last)));
  if (near === undefined || address === undefined) throw new Error("no address");
  await core.sh(`ip link add wan${number} type veth peer name wan netns ${router.pid}
    ip link set wan${number} master hub up
    ${kind === "public" ? `ip route add ${network}/${prefix} via ${wan}` : ""}`);
  await router.sh(`ip link set lo up
    ip address add ${wan}/16 dev wan
    ip link set wan up
    ip route add default via ${stunAddresses[0]}
    nft -f - <<'X'
${routerRules(kind, address)}
X`);
  await router.connect(machine, { lan: "lan", near, address, prefix });
  return { address, outside: kind === "public" ? address : wan };
}
