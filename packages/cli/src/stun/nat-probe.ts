/** What stands between this device and the Internet, found out with STUN servers (RFC 5780 sections 4.3 and 4.4). */
import type { NatKind } from "./nat-kind.ts";
import { decodeAddress, type Endpoint, isSuccess, stunAttributes, stunTypes } from "./stun-message.ts";
import { type StunAnswer, StunSocket } from "./stun-socket.ts";

/** RFC 4787 sections 4.1 and 5, in its words. */
type Behaviour = "endpoint-independent" | "address-dependent" | "address-and-port-dependent" | "unknown";

export interface NatFindings {
  readonly kind: NatKind | "unknown";
  readonly mapping: Behaviour;
  readonly filtering: Behaviour;
  /** How the outside sees this device, for example `203.0.113.7:40000`; undefined when no server answered. */
  readonly mapped: Endpoint | undefined;
  /** Whether the address is translated on the way; undefined when it is not known. */
  readonly translated: boolean | undefined;
  /** Why something is unknown, in one sentence. */
  readonly because?: string;
}

const unknown: Behaviour = "unknown";
const changeAddressAndPort = 0x06;
const changePort = 0x02;

/** The mapping as the answer to a Binding request shows it. */
function mappedOf(answer: StunAnswer | undefined): Endpoint | undefined {
  if (answer === undefined || !isSuccess(answer.message)) return undefined;
  const { attributes, transaction } = answer.message;
  return (
    decodeAddress(attributes.get(stunAttributes.xorMappedAddress), transaction) ??
    decodeAddress(attributes.get(stunAttributes.mappedAddress))
  );
}

const isSame = (left: Endpoint | undefined, right: Endpoint | undefined): boolean =>
  left !== undefined && right !== undefined && left.address === right.address && left.port === right.port;
const familyOf = ({ address }: Endpoint): 4 | 6 => (address.includes(":") ? 6 : 4);
const bind = { type: stunTypes.bindingRequest } as const;

/** Whether anything answers a Binding request, and how fast. Undefined when nothing does. */
export async function probeStun(server: Endpoint, address?: string): Promise<StunAnswer | undefined> {
  await using socket = await StunSocket.open(familyOf(server), address);
  const answer = await socket.ask(server, bind);
  return mappedOf(answer) === undefined ? undefined : answer;
}

/**
 * Finds out the kind of NAT. `servers` are STUN servers by address; the first that answers leads, and needs a second
 * address (`OTHER-ADDRESS`), or the list a server at a different address, for what depends on the destination.
 * `ownAddresses` are this machine's, to tell whether anything is translated.
 */
export async function probeNat(
  servers: readonly Endpoint[],
  ownAddresses: readonly string[],
  address?: string,
): Promise<NatFindings> {
  const [first] = servers;
  if (first === undefined) return nothing("unknown", "no STUN server is configured");
  await using socket = await StunSocket.open(familyOf(first), address);
  const usable = servers.filter((server) => familyOf(server) === familyOf(first));
  const answers = await Promise.all(usable.map((server) => socket.ask(server, bind)));
  const lead = answers.findIndex((answer) => mappedOf(answer) !== undefined);
  const [server, answer] = [usable[lead], answers[lead]];
  const mapped = mappedOf(answer);
  if (server === undefined || answer === undefined || mapped === undefined)
    return nothing("udp-blocked", "no STUN server answers");
  const other = decodeAddress(answer.message.attributes.get(stunAttributes.otherAddress));
  const second = other === undefined || other.address === server.address ? undefined : other;
  const elsewhere = answers.filter((_, index) => usable[index]?.address !== server.address).map(mappedOf);
  const [mapping, filtering] = await Promise.all([
    second === undefined ? mappingOf(mapped, elsewhere) : probeMapping(socket, mapped, server, second),
    second === undefined ? unknown : probeFiltering(server, address),
  ]);
  const translated = !(ownAddresses.includes(mapped.address) && mapped.port === socket.local.port);
  return judgeNat({ mapping, filtering, mapped, translated });
}

const nothing = (kind: NatKind | "unknown", because: string): NatFindings => ({
  kind,
  mapping: "unknown",
  filtering: "unknown",
  mapped: undefined,
  translated: undefined,
  because,
});

/** Out of what several servers saw of one socket. */
function mappingOf(mapped: Endpoint, elsewhere: readonly (Endpoint | undefined)[]): Behaviour {
  const seen = elsewhere.filter((each) => each !== undefined);
  if (seen.length === 0) return "unknown";
  return seen.every((each) => isSame(each, mapped)) ? "endpoint-independent" : "address-and-port-dependent";
}

/** RFC 5780 section 4.3, tests II and III. */
async function probeMapping(
  socket: StunSocket,
  mapped: Endpoint,
  server: Endpoint,
  other: Endpoint,
): Promise<Behaviour> {
  const second = mappedOf(await socket.ask({ address: other.address, port: server.port }, bind));
  if (second === undefined) return "unknown";
  if (isSame(second, mapped)) return "endpoint-independent";
  const third = mappedOf(await socket.ask(other, bind));
  if (third === undefined) return "unknown";
  return isSame(third, second) ? "address-dependent" : "address-and-port-dependent";
}

/** RFC 5780 section 4.4, tests II and III, on sockets of their own: what was sent to before may come in. */
async function probeFiltering(server: Endpoint, address?: string): Promise<Behaviour> {
  const [fromAnywhere, fromAddress] = await Promise.all(
    [changeAddressAndPort, changePort].map((change) => isLetIn(server, change, address)),
  );
  if (fromAnywhere === true) return "endpoint-independent";
  return fromAddress === true ? "address-dependent" : "address-and-port-dependent";
}

async function isLetIn(server: Endpoint, change: number, address?: string): Promise<boolean> {
  await using socket = await StunSocket.open(familyOf(server), address);
  const attributes = new Map([[stunAttributes.changeRequest, Buffer.from([0, 0, 0, change])]]);
  const answer = await socket.ask(server, { ...bind, attributes });
  // A server that cannot change answers from where it was asked, or with an error.
  return answer !== undefined && mappedOf(answer) !== undefined && !isSame(answer.from, server);
}

/** Names what the behaviours add up to. */
export function judgeNat(seen: Omit<NatFindings, "kind" | "because">): NatFindings {
  const { mapping, filtering, translated } = seen;
  if (mapping === "address-dependent" || mapping === "address-and-port-dependent")
    return { ...seen, kind: "symmetric" };
  if (translated === true && mapping === "unknown")
    return {
      ...seen,
      kind: "unknown",
      because: "it takes STUN servers at two addresses to tell how addresses are mapped",
    };
  if (filtering === "endpoint-independent") return { ...seen, kind: translated === true ? "full-cone" : "public" };
  if (filtering === "address-dependent") return { ...seen, kind: "address-restricted" };
  if (filtering === "address-and-port-dependent") return { ...seen, kind: "port-restricted" };
  const because = "it takes a STUN server with two addresses (RFC 5780) to tell who is let in";
  return { ...seen, kind: "unknown", because };
}
