/**
 * Everything towards other devices, made on demand: a peer and a dialer per remote device, a durable stream per remote
 * member. Presence, sessions and time come in here and reach those concerned.
 */
import {
  type Clock,
  type IceServer,
  type Journal,
  type JournalState,
  type MeshTrust,
  type Random,
  type Timer,
  type VerifiedMember,
} from "@parley/core";
import {
  type DevicePresence,
  type Envelope,
  envelopeKinds,
  type ErrorCode,
  limits,
  ParleyError,
  type Signal,
} from "@parley/protocol";

import { bodyOf } from "./body.ts";
import type { Delivery } from "./delivery.ts";
import type { DeviceEvent, LinkSettings, LinkView } from "./device-api.ts";
import { Dialer } from "./dialer.ts";
import type { Directory } from "./directory.ts";
import { DurableStream } from "./durable-stream.ts";
import type { Identity } from "./identity.ts";
import { type HelloInput, makeHello, verifyHello } from "./link-hello.ts";
import type { MemberView } from "./member-view.ts";
import type { OpenLink } from "./open-link.ts";
import { Peer } from "./peer.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";

export interface PeersOptions {
  readonly identity: () => Identity;
  readonly trust: MeshTrust;
  readonly boot: string;
  readonly session: Session;
  readonly directory: Directory;
  readonly journal: Journal;
  readonly state: JournalState;
  readonly relay: () => Relay;
  readonly clock: Clock;
  readonly random: Random;
  readonly links: LinkSettings | undefined;
  readonly linkIdleMs: number;
  readonly emit: (event: DeviceEvent) => void;
  readonly onFrame: (peer: Peer, bytes: Uint8Array, path: "direct" | "turn") => void;
  /** The other side lost its memory: calls under way are gone. */
  readonly onRestart: (peer: Peer) => void;
  readonly onError: (error: unknown) => void;
}

interface Contact {
  readonly peer: Peer;
  readonly dialer: Dialer | undefined;
  /** Since when something waits unanswered, by the monotonic clock. */
  linkWaits: number | undefined;
  relayWaits: number | undefined;
}

/** Ends of a link that are no verdict of this side. */
const othersDoing: readonly ErrorCode[] = ["closed", "timeout", "refused"];
const sweepMs = 500;
/** A link that carries unanswered frames this long is given up. */
const unansweredLinkMs = 2000;
/** What went by relay and is not acknowledged after this is sent again. */
const unansweredRelayMs = 5000;

export class Peers {
  readonly #options: PeersOptions;
  readonly #contacts = new Map<string, Contact>();
  readonly #streams = new Map<string, DurableStream>();
  readonly #outbox = new Map<string, { seq: number; envelope: Envelope }[]>();
  #ice: { servers: readonly IceServer[]; until: number } | undefined;
  #sweep: Timer | undefined;
  #stopped = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    for (const { recipient, seq, envelope } of options.state.outbox) {
      const waiting = this.#outbox.get(recipient) ?? [];
      waiting.push({ seq, envelope });
      this.#outbox.set(recipient, waiting);
    }
    this.#scheduleSweep();
  }

  /** The peer for a device of a verified member. Throws `not_found` when the member does not list the device. */
  peer(member: VerifiedMember, device: string): Peer {
    const known = this.#contacts.get(device);
    if (known !== undefined) {
      if (known.peer.member !== member) known.peer.update(member);
      return known.peer;
    }
    if (!member.devices.has(device))
      throw new ParleyError("not_found", { message: `@${member.name} has no such device.` });
    return this.#meet(member, device).peer;
  }

  /** The device of a member to talk to: the least loaded connected one, else the one seen last. */
  peerOf(view: MemberView): Peer {
    const connected = view.devices
      .filter((device) => device.state === "connected")
      .toSorted((left, right) => left.load - right.load);
    const linked = view.devices.find((device) => this.existing(device.device)?.link !== undefined);
    const chosen = connected[0] ?? linked ?? view.devices[0];
    const device = chosen?.device ?? [...view.verified.devices.keys()][0];
    if (device === undefined) throw new ParleyError("not_connected");
    const peer = this.peer(view.verified, device);
    // While the registry is away, what it said of presence says nothing.
    if (this.#options.session.isOpen) this.#presence(peer, chosen);
    this.#options.directory.watch(view.member);
    return peer;
  }

  existing(device: string): Peer | undefined {
    return this.#contacts.get(device)?.peer;
  }

  /** The durable stream to a member. */
  durable(member: string): DurableStream {
    const known = this.#streams.get(member);
    if (known !== undefined) return known;
    const { state, journal, session, relay, directory, clock, emit, onError } = this.#options;
    const waiting = this.#outbox.get(member) ?? [];
    this.#outbox.delete(member);
    const stream = new DurableStream(
      {
        member,
        epoch: state.epoch,
        lastSeq: state.lastSeq.get(member) ?? 0,
        journal,
        session,
        relay,
        recipient: async () => (directory.known(member) ?? (await directory.get(member))).verified,
        isLive: () => directory.known(member)?.live ?? false,
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        soon: (run) => clock.soon(run),
        onDelivery: (delivery: Delivery) => emit({ type: "delivery", delivery, to: member }),
        onError,
      },
      waiting,
    );
    this.#streams.set(member, stream);
    return stream;
  }

  /** Starts a link when links are wanted and possible. */
  wantLink(peer: Peer, eager = false): void {
    const { session } = this.#options;
    const dialer = this.#contacts.get(peer.device)?.dialer;
    if (this.#stopped || dialer === undefined || dialer.isOpen || !peer.connected || !session.isOpen) return;
    this.#makeRoom();
    dialer.dial(eager);
  }

  canLink(peer: Peer): boolean {
    return this.#contacts.get(peer.device)?.dialer !== undefined;
  }

  isDialling(peer: Peer): boolean {
    return this.#contacts.get(peer.device)?.dialer?.isDialling ?? false;
  }

  onSignal(peer: Peer, signal: Signal): void {
    if (this.#stopped) return;
    const { dialer } = this.#contacts.get(peer.device) ?? {};
    if (peer.boot === signal.from) dialer?.onSignal(signal);
    else this.#onOtherStart(peer, signal).catch(this.#options.onError);
  }

  /** A signal of another start than presence told: presence lags behind, or the signal does. The registry knows. */
  async #onOtherStart(peer: Peer, signal: Signal): Promise<void> {
    this.onPresence(await this.#options.directory.refresh(peer.member.member));
    if (peer.boot === signal.from) this.#contacts.get(peer.device)?.dialer?.onSignal(signal);
  }

  onPresence(view: MemberView): void {
    for (const device of view.verified.devices.keys()) {
      const contact = this.#contacts.get(device);
      if (contact === undefined) continue;
      contact.peer.update(view.verified);
      this.#presence(
        contact.peer,
        view.devices.find((presence) => presence.device === device),
      );
    }
    this.#streams.get(view.member)?.flush();
  }

  /** Newer statements of a member: links to devices that it took off its list are dropped. */
  onDevices({ member, verified }: MemberView): void {
    for (const { peer, dialer } of this.#contacts.values()) {
      if (peer.member.member !== member) continue;
      peer.update(verified);
      if (!verified.devices.has(peer.device)) dialer?.close("unlisted");
    }
  }

  /** A new session: says again whom to watch, sends again what may be lost. */
  onSession(): void {
    this.#options.directory.rewatch();
    for (const member of this.#outbox.keys()) {
      this.durable(member);
      this.#options.directory.watch(member);
    }
    for (const { peer } of this.#contacts.values()) peer.onSession();
    for (const stream of this.#streams.values()) stream.onSession();
  }

  /** Drops links to whoever is revoked now. */
  closeRevoked(): void {
    for (const { peer, dialer } of this.#contacts.values()) {
      if (!this.#options.trust.isRevoked(peer.member.member)) continue;
      dialer?.close("revoked");
      this.#options.emit({ type: "revoked", member: peer.member.member });
    }
  }

  /** Everything linked right now. */
  linked(): readonly Peer[] {
    return [...this.#contacts.values()].filter(({ peer }) => peer.link !== undefined).map(({ peer }) => peer);
  }

  views(): readonly LinkView[] {
    return this.linked().map((peer) => this.#view(peer, peer.link));
  }

  /** Something is left that a stop should wait for: unacknowledged on the way to whoever is here, or not yet stored. */
  get hasUnsettled(): boolean {
    const underWay = [...this.#contacts.values()].some(({ peer }) => peer.hasUnacked && peer.path !== "mailbox");
    return underWay || [...this.#streams.values()].some((stream) => !stream.isStored);
  }

  stop(): void {
    this.#stopped = true;
    this.#sweep?.cancel();
    for (const { dialer } of this.#contacts.values()) dialer?.close("stopped");
    for (const stream of this.#streams.values()) stream.stop();
  }

  #meet(member: VerifiedMember, device: string): Contact {
    const { trust, session, relay, random, clock, onError } = this.#options;
    const durable = this.durable(member.member);
    const peer = new Peer({
      member,
      device,
      trust,
      session,
      relay,
      random,
      monotonic: () => clock.monotonic(),
      soon: (run) => clock.soon(run),
      durable,
      onError,
    });
    const contact: Contact = { peer, dialer: this.#dialer(peer), linkWaits: undefined, relayWaits: undefined };
    this.#contacts.set(device, contact);
    return contact;
  }

  #dialer(peer: Peer): Dialer | undefined {
    const { links, clock, random, identity, boot, trust, onFrame } = this.#options;
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
    const dialer: Dialer = new Dialer({
      settings: links,
      clock,
      random,
      ownDevice: identity().device.id,
      ownBoot: boot,
      peerDevice: peer.device,
      peerBoot: () => peer.boot,
      iceServers: () => this.#iceServers(),
      sendSignal: (signal) => this.#sendSignal(peer, signal),
      makeHello: async (link, peerBoot) => {
        const { welcome } = this.#options.session;
        if (welcome === undefined) throw new ParleyError("lease_expired");
        return makeHello(input(link, peerBoot), welcome);
      },
      verifyHello: (compact, link, peerBoot) => verifyHello(compact, peer.member, input(link, peerBoot)),
      onOpen: (open, proven) => {
        peer.attach(open);
        if (proven.revocations < trust.revocationNumber) this.#gossip(peer);
        this.#options.emit({ type: "link", link: this.#view(peer, open) });
      },
      onFrame: (bytes) => onFrame(peer, bytes, peer.link?.path ?? "direct"),
      onDrain: () => peer.onDrain(),
      onClosed: (error, wasOpen) => this.#onLinkClosed(peer, error, wasOpen),
    });
    return dialer;
  }

  #onLinkClosed(peer: Peer, error: ParleyError, wasOpen: boolean): void {
    if (wasOpen) peer.detach();
    this.#options.emit({
      type: "link",
      link: { ...this.#view(peer, undefined), state: "closed" },
      code: error.code,
      reason: error.message,
    });
    if (!othersDoing.includes(error.code))
      this.#options.emit({ type: "refused", code: error.code, message: error.message, from: peer.member.name });
    if (wasOpen && peer.hasUnacked) this.wantLink(peer);
  }

  #view(peer: Peer, open: OpenLink | undefined): LinkView {
    const { member, name } = peer.member;
    return {
      member,
      name,
      device: peer.device,
      state: open === undefined ? "opening" : "open",
      path: open?.path,
      route: open?.route,
      openedInMs: open?.openedInMs,
    };
  }

  #presence(peer: Peer, presence: DevicePresence | undefined): void {
    if (peer.onPresence(presence)) this.#options.onRestart(peer);
  }

  #sendSignal(peer: Peer, signal: Signal): void {
    peer.pushEphemeral(this.#ephemeral(envelopeKinds.signal, signal), true);
  }

  /** Passes the newest revocation list on. */
  #gossip(peer: Peer): void {
    const { revocations } = this.#options.trust;
    if (revocations !== undefined) peer.pushEphemeral(this.#ephemeral(envelopeKinds.gossip, { revocations }), false);
  }

  gossipToAll(): void {
    for (const peer of this.linked()) this.#gossip(peer);
  }

  #ephemeral(kind: number, body: unknown): Envelope {
    return {
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
  }

  async #iceServers(): Promise<readonly IceServer[]> {
    const { session, clock } = this.#options;
    if (this.#ice !== undefined && this.#ice.until > clock.now()) return this.#ice.servers;
    const { servers, expires } = await session.request("ice.get", {});
    this.#ice = {
      servers: servers.map(({ urls, username, credential }) => ({
        urls,
        ...(username === undefined ? {} : { username }),
        ...(credential === undefined ? {} : { credential }),
      })),
      // Half of their life: a link that is being set up must not outlive them.
      until: clock.now() + (expires - session.registryTime) / 2,
    };
    return this.#ice.servers;
  }

  /** Below the bound on links, or the longest idle one gives way. */
  #makeRoom(): void {
    const open = this.linked();
    if (open.length < limits.links) return;
    const idle = open.toSorted((left, right) => (left.link?.lastUsed ?? 0) - (right.link?.lastUsed ?? 0))[0];
    if (idle !== undefined) this.#contacts.get(idle.device)?.dialer?.close("idle");
  }

  #scheduleSweep(): void {
    this.#sweep = this.#options.clock.setTimer(sweepMs, () => {
      this.#sweepNow();
      this.#scheduleSweep();
    });
  }

  #sweepNow(): void {
    const { clock, linkIdleMs } = this.#options;
    const now = clock.monotonic();
    for (const contact of this.#contacts.values()) {
      const { peer, dialer } = contact;
      this.#watchAnswers(contact, now);
      const open = peer.link;
      if (open !== undefined && now - Math.max(open.lastHeard, open.lastUsed) > linkIdleMs) dialer?.close("idle");
    }
    for (const stream of this.#streams.values()) {
      stream.expire(clock.now());
      stream.retry(now);
    }
  }

  /** Unanswered frames give a link up long before ICE notices; what went by relay is sent there again. */
  #watchAnswers(contact: Contact, now: number): void {
    const { peer, dialer } = contact;
    const heard = Math.max(peer.link?.lastHeard ?? 0, peer.lastAck);
    contact.linkWaits = peer.waitsOnLink ? Math.max(contact.linkWaits ?? now, heard) : undefined;
    if (contact.linkWaits !== undefined && now - contact.linkWaits > unansweredLinkMs) {
      contact.linkWaits = undefined;
      dialer?.close("unanswered");
    }
    const waits = peer.waitsOnRelay && peer.connected && this.#options.session.isOpen;
    contact.relayWaits = waits ? Math.max(contact.relayWaits ?? now, peer.lastRelayAck) : undefined;
    if (contact.relayWaits !== undefined && now - contact.relayWaits > unansweredRelayMs) {
      contact.relayWaits = now;
      peer.onSession();
    }
    // An attempt that failed is made again, at the dialer's pace, while there is a use for it.
    if (peer.link === undefined && peer.wantsLink) this.wantLink(peer);
  }
}
