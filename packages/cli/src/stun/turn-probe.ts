/** Tries a TURN server for real: allocates, sends a datagram through it to oneself, and gives the allocation back (RFC 8656). */
import { randomBytes } from "node:crypto";

import {
  decodeAddress,
  encodeStun,
  encodeXorAddress,
  type Endpoint,
  errorCodeOf,
  hasIntegrity,
  isSuccess,
  longTermKey,
  stunAttributes,
  stunTypes,
} from "./stun-message.ts";
import { type StunAnswer, stunGiveUpMs, StunSocket } from "./stun-socket.ts";

export interface TurnCredentials {
  readonly username: string;
  readonly credential: string;
}

/** What came of it. `refused` with the number of the error response; 401 is a wrong name, password or time. */
export type TurnOutcome =
  | { readonly state: "works"; readonly relayed: Endpoint; readonly allocateMs: number; readonly throughMs: number }
  | { readonly state: "silent" }
  | { readonly state: "refused"; readonly code: number }
  /** Allocated, but nothing came back through it. */
  | { readonly state: "lost"; readonly relayed: Endpoint };

const udpTransport = Buffer.from([17, 0, 0, 0]);

export async function probeTurn(
  server: Endpoint,
  credentials: TurnCredentials,
  address?: string,
): Promise<TurnOutcome> {
  await using socket = await StunSocket.open(server.address.includes(":") ? 6 : 4, address);
  // Awaited here: the socket closes when this function returns.
  return await new TurnTrial(socket, server, credentials).run();
}

class TurnTrial {
  readonly #socket: StunSocket;
  readonly #server: Endpoint;
  readonly #credentials: TurnCredentials;
  #realm = "";
  #nonce = Buffer.alloc(0);

  constructor(socket: StunSocket, server: Endpoint, credentials: TurnCredentials) {
    this.#socket = socket;
    this.#server = server;
    this.#credentials = credentials;
  }

  async run(): Promise<TurnOutcome> {
    const started = performance.now();
    const transport = new Map([[stunAttributes.requestedTransport, udpTransport]]);
    const challenge = await this.#socket.ask(this.#server, { type: stunTypes.allocateRequest, attributes: transport });
    if (challenge === undefined) return { state: "silent" };
    if (errorCodeOf(challenge.message) !== 401) return refused(challenge);
    this.#takeChallenge(challenge);
    const allocated = await this.#ask(stunTypes.allocateRequest, transport);
    if (allocated === undefined) return { state: "silent" };
    const { attributes, transaction } = allocated.message;
    const relayed = decodeAddress(attributes.get(stunAttributes.xorRelayedAddress), transaction);
    if (!isSuccess(allocated.message) || relayed === undefined) return refused(allocated);
    // An answer made by somebody who does not know the password proves nothing.
    if (!hasIntegrity(allocated.bytes, this.#key)) return { state: "refused", code: 401 };
    const allocateMs = performance.now() - started;
    const throughMs = await this.#sendThrough(relayed);
    await this.#ask(stunTypes.refreshRequest, new Map([[stunAttributes.lifetime, Buffer.alloc(4)]]));
    return throughMs === undefined ? { state: "lost", relayed } : { state: "works", relayed, allocateMs, throughMs };
  }

  get #key(): Buffer {
    return longTermKey(this.#credentials.username, this.#realm, this.#credentials.credential);
  }

  #takeChallenge({ message: { attributes } }: StunAnswer): void {
    this.#realm = attributes.get(stunAttributes.realm)?.toString() ?? "";
    this.#nonce = Buffer.from(attributes.get(stunAttributes.nonce) ?? []);
  }

  #ask(
    type: number,
    attributes: ReadonlyMap<number, Buffer>,
    transaction = randomBytes(12),
  ): Promise<StunAnswer | undefined> {
    const signed = new Map([
      ...attributes,
      [stunAttributes.username, Buffer.from(this.#credentials.username)],
      [stunAttributes.realm, Buffer.from(this.#realm)],
      [stunAttributes.nonce, this.#nonce],
    ] as const);
    return this.#socket.ask(this.#server, { type, attributes: signed, key: this.#key, transaction });
  }

  /** From the relayed address to the relayed address: out by a Send indication, back by a Data indication. */
  async #sendThrough(relayed: Endpoint): Promise<number | undefined> {
    const transaction = randomBytes(12);
    const peer = encodeXorAddress(relayed, transaction);
    const toPeer = new Map([[stunAttributes.xorPeerAddress, peer]]);
    const permitted = await this.#ask(stunTypes.createPermissionRequest, toPeer, transaction);
    if (permitted === undefined || !isSuccess(permitted.message)) return undefined;
    const content = randomBytes(16);
    const attributes = new Map([...toPeer, [stunAttributes.data, content] as const]);
    const indication = encodeStun({ type: stunTypes.sendIndication, transaction, attributes });
    const started = performance.now();
    return new Promise((resolve) => {
      const again = setInterval(() => this.#socket.send(this.#server, indication), stunGiveUpMs / 4);
      const finish = (result: number | undefined): void => {
        clearInterval(again);
        clearTimeout(timer);
        resolve(result);
      };
      const timer = setTimeout(() => finish(undefined), stunGiveUpMs);
      this.#socket.onIndication = ({ type, attributes: got }) => {
        if (type !== stunTypes.dataIndication || got.get(stunAttributes.data)?.equals(content) !== true) return;
        finish(performance.now() - started);
      };
      this.#socket.send(this.#server, indication);
    });
  }
}

function refused({ message }: StunAnswer): TurnOutcome {
  return { state: "refused", code: errorCodeOf(message) ?? 500 };
}
