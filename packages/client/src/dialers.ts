/** Makes the dialers of links to other devices: with hellos, servers of the registry, and signals and news for the other side. */
import { type Clock, type IceServer, type MeshTrust, type OrderNumbers, orderTypes, type Random } from "@parley/core";
import { envelopeKinds, type Gossip, ParleyError, type Signal } from "@parley/protocol";

import { bodyOf } from "./body.ts";
import type { LinkSettings } from "./device-api.ts";
import { Dialer } from "./dialer.ts";
import type { Gate } from "./gate.ts";
import { IceGrants } from "./ice-grants.ts";
import type { Identity } from "./identity.ts";
import { type HelloInput, makeHello, verifyHello } from "./link-hello.ts";
import type { DeviceMetrics } from "./metrics.ts";
import type { OpenLink } from "./open-link.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";

export interface DialersOptions {
  readonly identity: () => Identity;
  readonly trust: MeshTrust;
  readonly gate: Gate;
  readonly boot: string;
  readonly session: Session;
  readonly clock: Clock;
  readonly random: Random;
  /** Undefined on a device that makes no links. */
  readonly links: LinkSettings | undefined;
  readonly metrics: DeviceMetrics;
  /** This member's own newest list of delegations that it took back. */
  readonly withdrawals: () => string | undefined;
  readonly onFrame: (peer: Peer, bytes: Uint8Array, path: "direct" | "turn") => void;
  /** The peer has a link, or another one. */
  readonly onOpen: (peer: Peer, link: OpenLink) => void;
  readonly onClosed: (peer: Peer, error: ParleyError, wasOpen: boolean) => void;
}

/** Operator sets that are passed on at once; who lacks more of them hears of the others the next time. */
const mostSets = 32;

export class Dialers {
  readonly #options: DialersOptions;
  readonly #ice: IceGrants;

  constructor(options: DialersOptions) {
    this.#options = options;
    this.#ice = new IceGrants({ clock: options.clock, ask: () => this.#askIce() });
  }

  /** A new dialer to a device. */
  make(peer: Peer): Dialer | undefined {
    const { links, clock, random, identity, boot, trust, gate, session, metrics, onFrame, onOpen, onClosed } =
      this.#options;
    if (links === undefined) return undefined;
    const input = (link: HelloInput["link"], peerBoot: string): HelloInput => ({
      identity: identity(),
      trust,
      boot,
      peerDevice: peer.device,
      peerBoot,
      link,
      now: clock.now(),
    });
    return new Dialer({
      settings: links,
      clock,
      random,
      ownDevice: identity().device.id,
      ownBoot: boot,
      peerDevice: peer.device,
      peerBoot: () => peer.boot,
      canSignal: () => session.isOpen && peer.connected,
      iceServers: () => this.#ice.get(),
      sendSignal: (signal) => this.#signal(peer, signal),
      makeHello: async (link, peerBoot) => {
        const { welcome } = session;
        if (welcome === undefined) throw new ParleyError("lease_expired");
        return makeHello(input(link, peerBoot), welcome);
      },
      verifyHello: (compact, link, peerBoot) => {
        const refusal = gate.refusalOf(peer.member);
        if (refusal !== undefined) throw refusal;
        return verifyHello(compact, peer.member, input(link, peerBoot));
      },
      onOpen: (open, proven) => {
        peer.attach(open);
        this.gossipOperators(peer, proven.operators);
        this.gossip(peer, proven.orders);
        onOpen(peer, open);
      },
      onFrame: (bytes, { path }) => onFrame(peer, bytes, path),
      onDrain: () => peer.onDrain(),
      onClosed: (error, wasOpen) => onClosed(peer, error, wasOpen),
      count: (name, labels) => metrics.count(name, labels),
    });
  }

  /** A link is wanted of a device that makes none: the other side need not wait for its time limit. */
  decline(peer: Peer, { dial, from, to }: Signal): void {
    this.#signal(peer, { dial, from: to, to: from, signal: { type: "bye", reason: "no-links" } });
  }

  #signal(peer: Peer, signal: Signal): void {
    this.#push(peer, envelopeKinds.signal, signal, true);
  }

  /** Passes on this side's own device list and withdrawals, and the operators' orders where the other side's are older. */
  gossip(peer: Peer, known: Partial<OrderNumbers>): void {
    const { trust, identity } = this.#options;
    this.#push(peer, envelopeKinds.gossip, { devices: identity().devices } satisfies Gossip, false);
    const withdrawals = this.#options.withdrawals();
    if (withdrawals !== undefined) this.gossipWithdrawals(peer, withdrawals);
    const { orders, orderNumbers } = trust;
    for (const type of orderTypes) {
      const order = orders[type];
      // Each alone: together they may be larger than a frame.
      if (order !== undefined && (known[type] ?? Infinity) < orderNumbers[type])
        this.#push(peer, envelopeKinds.gossip, { [type]: order } satisfies Gossip, false);
    }
  }

  /** Passes on the operator sets that follow the one the other side holds, each by itself: they may be large. */
  gossipOperators(peer: Peer, held: number): void {
    for (const operators of this.#options.trust.operators.chain.slice(held, held + mostSets))
      this.#push(peer, envelopeKinds.gossip, { operators } satisfies Gossip, false);
  }

  /** Passes on what a member took back of its delegations. */
  gossipWithdrawals(peer: Peer, withdrawals: string): void {
    this.#push(peer, envelopeKinds.gossip, { withdrawals } satisfies Gossip, false);
  }

  /** What the registry granted may be over. */
  forgetGrants(): void {
    this.#ice.forget();
  }

  #push(peer: Peer, kind: number, body: unknown, relayOnly: boolean): void {
    const envelope = {
      kind,
      critical: false,
      more: false,
      created: this.#options.clock.now(),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
      body: bodyOf(body),
    };
    peer.pushEphemeral(envelope, relayOnly);
  }

  async #askIce(): Promise<{ servers: IceServer[]; lifeMs: number }> {
    const { session } = this.#options;
    const { servers, expires } = await session.request("ice.get", {});
    return {
      servers: servers.map(({ urls, username, credential }) => ({
        urls,
        ...(username === undefined ? {} : { username }),
        ...(credential === undefined ? {} : { credential }),
      })),
      lifeMs: expires - session.registryTime,
    };
  }
}
