/**
 * Which of this machine's network interfaces links may use. The native library opens one socket for all of them, so what a
 * rule forbids is kept out where it would show: from the candidates that we send, and from those that we answer to.
 */
import { BlockList, isIP } from "node:net";

import { ParleyError } from "@parley/protocol";

/** One address of an interface, as `os.networkInterfaces` gives it. */
export interface LocalAddress {
  readonly name: string;
  readonly address: string;
  /** For example `10.0.0.7/8`; null when the system does not know. */
  readonly cidr: string | null;
  readonly internal: boolean;
}

/** Source addresses of what leaves by the default routes: at most one for each family. */
export type RoutedFrom = readonly string[];

interface Rule {
  readonly denies: boolean;
  readonly matches: (local: LocalAddress) => boolean;
}

const mostRules = 64;
const namePattern = /^[\w.@:-]{1,32}\*?$/;

export class InterfaceFilter {
  readonly #rules: readonly Rule[];

  /** `eth0`, `docker*`, `10.0.0.0/8`, or any of them behind `!`. Throws `invalid_argument` for anything else. */
  constructor(rules: readonly string[]) {
    if (rules.length > mostRules)
      throw new ParleyError("invalid_argument", { message: `There are more than ${mostRules} rules for interfaces.` });
    this.#rules = rules.map(readRule);
  }

  /** What the rules come to, with the addresses that the machine has now. */
  judge(addresses: readonly LocalAddress[], routedFrom: RoutedFrom, boundTo?: string): InterfaceVerdict {
    const allowed = addresses.filter((local) => this.#allows(local));
    const denied = addresses.filter((local) => !allowed.includes(local));
    return new InterfaceVerdict(allowed, denied, routedFrom, boundTo);
  }

  /** Some rule has to name it, if any rule names what may be used; and none may forbid it. */
  #allows(local: LocalAddress): boolean {
    const grants = this.#rules.filter(({ denies }) => !denies);
    const isGranted = grants.length === 0 || grants.some(({ matches }) => matches(local));
    return isGranted && !this.#rules.some(({ denies, matches }) => denies && matches(local));
  }
}

/** What one link may use. */
export class InterfaceVerdict {
  /** The one address to bind to, when there is only one: then the system cannot choose another. */
  readonly bindAddress: string | undefined;
  readonly #allowed: readonly LocalAddress[];
  readonly #allowedNetworks: BlockList;
  readonly #deniedNetworks: BlockList;
  readonly #routedFrom: RoutedFrom;

  constructor(
    allowed: readonly LocalAddress[],
    denied: readonly LocalAddress[],
    routedFrom: RoutedFrom,
    boundTo: string | undefined,
  ) {
    const usable = allowed.filter(({ address, internal }) => !internal && !isLinkLocal(address));
    const only = usable.length === 1 ? usable[0]?.address : undefined;
    const isBoundWell = boundTo === undefined || allowed.some(({ address }) => address === boundTo);
    this.#allowed = isBoundWell ? allowed : [];
    this.bindAddress = boundTo ?? only;
    this.#allowedNetworks = networksOf(allowed);
    this.#deniedNetworks = networksOf(denied);
    this.#routedFrom = routedFrom;
  }

  /** Whether anything is left to make a link with. */
  get isUsable(): boolean {
    return this.#allowed.length > 0;
  }

  /** Whether this machine's address may be told to the other side. */
  allowsLocal(address: string): boolean {
    return this.#allowed.some((local) => local.address === address);
  }

  /** Whether datagrams to an address would leave by an interface that may be used. */
  allowsRemote(address: string): boolean {
    const family = familyOf(address);
    if (family === undefined) return false;
    if (this.#allowedNetworks.check(address, family)) return true;
    return !this.#deniedNetworks.check(address, family) && this.allowsRouted(address);
  }

  /** Whether what goes to an address far away leaves by an interface that may be used. */
  allowsRouted(address?: string): boolean {
    if (this.bindAddress !== undefined) return true;
    const sources = this.#routedFrom.filter((from) => address === undefined || isIP(from) === isIP(address));
    return sources.some((from) => this.allowsLocal(from));
  }
}

function readRule(text: string): Rule {
  const denies = text.startsWith("!");
  const body = denies ? text.slice(1) : text;
  const [address = "", bits, ...rest] = body.split("/");
  const family = familyOf(address);
  if (family !== undefined && rest.length === 0) {
    const most = family === "ipv4" ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    if (!(/^\d{1,3}$/.test(bits ?? "0") && prefix <= most)) throw wrongRule(text);
    const range = new BlockList();
    range.addSubnet(address, prefix, family);
    return { denies, matches: (local) => range.check(local.address, familyOf(local.address) ?? "ipv4") };
  }
  if (!namePattern.test(body)) throw wrongRule(text);
  const stem = body.endsWith("*") ? body.slice(0, -1) : undefined;
  return { denies, matches: ({ name }) => (stem === undefined ? name === body : name.startsWith(stem)) };
}

const wrongRule = (text: string): ParleyError =>
  new ParleyError("invalid_argument", {
    message: `"${text}" names no interface: it takes a name such as eth0 or docker*, or a range such as 10.0.0.0/8.`,
  });

function networksOf(addresses: readonly LocalAddress[]): BlockList {
  const networks = new BlockList();
  for (const { address, cidr } of addresses) {
    const family = familyOf(address);
    const prefix = Number(cidr?.split("/")[1]);
    if (family === undefined || !Number.isInteger(prefix)) continue;
    networks.addSubnet(address, prefix, family);
  }
  return networks;
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? "ipv4" : "ipv6";
}

const isLinkLocal = (address: string): boolean => /^(?:169\.254\.|fe[89ab])/i.test(address);
