/**
 * Everything towards other devices, made on demand: a peer per remote device, with its link, and durable streams per
 * remote member. Presence, sessions and time come in here and reach those concerned.
 */
import type { Journal, JournalState, Timer, VerifiedMember } from "@parley/core";
import { ParleyError, type Path } from "@parley/protocol";

import { Contact } from "./contact.ts";
import { Contacts } from "./contacts.ts";
import type { AllowedPaths, PingResult } from "./delivery.ts";
import type { LinkView } from "./device-api.ts";
import type { Directory } from "./directory.ts";
import { DurableStreams } from "./durable-streams.ts";
import { Links, type LinksOptions } from "./links.ts";
import type { MemberView } from "./member-view.ts";
import type { PathReason } from "./path-reason.ts";
import { Peer, type PeerOptions } from "./peer.ts";
import type { Relay } from "./relay.ts";
import { takersOf } from "./takers.ts";
import type { TaskPlacement } from "./tasks/task-placement.ts";
import type { Traffic } from "./traffic.ts";
import type { WriteAgain } from "./write-again.ts";

export interface PeersOptions extends Omit<LinksOptions, "contacts" | "refresh"> {
  readonly directory: Directory;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly state: JournalState;
  readonly relay: () => Relay;
  readonly placement: TaskPlacement;
  /** The other side lost its memory: calls under way are gone. */
  readonly onRestart: (peer: Peer) => void;
  /** Pings by the open link. Rejects with `timeout`. */
  readonly ping: (peer: Peer) => Promise<PingResult>;
  readonly traffic: Traffic;
  readonly standingOf: PeerOptions["standingOf"];
  readonly onLive: PeerOptions["onLive"];
  readonly onLiveRefused: PeerOptions["onLiveRefused"];
  /** Called a few times a second, for whatever has to look at its waits. */
  readonly onSweep: () => void;
}

const sweepMs = 250;

export class Peers {
  readonly #options: PeersOptions;
  readonly #contacts = new Contacts();
  readonly streams: DurableStreams;
  readonly links: Links;
  #sweep: Timer | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.streams = this.#makeStreams();
    this.links = new Links({
      ...options,
      contacts: this.#contacts,
      refresh: async (member) => this.onPresence(await options.directory.refresh(member)),
    });
    this.#scheduleSweep();
  }

  /** The peer for a device of a verified member. Throws `not_found` when the member does not list the device. */
  peer(member: VerifiedMember, device: string): Peer {
    const known = this.#contacts.get(device);
    if (known !== undefined) {
      known.lastMet = this.#options.clock.monotonic();
      if (known.peer.member !== member) known.peer.update(member);
      return known.peer;
    }
    if (!member.devices.has(device))
      throw new ParleyError("not_found", { message: `@${member.name} has no such device.` });
    return this.#meet(member, device).peer;
  }

  /** The device of a member to talk to: the least loaded connected one, else the one seen last. */
  peerOf(view: MemberView): Peer {
    const isLinked = (device: string): boolean => this.existing(device)?.link !== undefined;
    const [connected] = this.#options.placement.order(view, isLinked);
    const chosen = connected ?? view.devices.find(({ device }) => isLinked(device)) ?? view.devices[0];
    const device = chosen?.device ?? [...view.verified.devices.keys()][0];
    if (device === undefined) throw new ParleyError("not_connected");
    const peer = this.peer(view.verified, device);
    // While the registry is away, what it said of presence says nothing.
    if (this.#options.session.isOpen) this.#presence(peer, view);
    this.#options.directory.watch(view.member);
    return peer;
  }

  existing(device: string): Peer | undefined {
    return this.#contacts.get(device)?.peer;
  }

  /** The devices that take a member's messages, met: all of a person, of an agent the one that holds its inbox. */
  takers(view: MemberView): readonly Peer[] {
    this.#options.directory.watch(view.member);
    return takersOf(view).flatMap((device) => {
      if (!view.verified.devices.has(device)) return [];
      const peer = this.peer(view.verified, device);
      if (this.#options.session.isOpen) this.#presence(peer, view);
      return [peer];
    });
  }

  /** Why something that is sent to a peer now, under a rule, goes the way it goes. */
  pathReason(peer: Peer, paths?: AllowedPaths, inboxHeld = true): PathReason {
    const contact = this.#contacts.get(peer.device);
    return contact === undefined ? "not-connected" : contact.reason(paths, inboxHeld);
  }

  onPresence(view: MemberView): void {
    for (const device of view.verified.devices.keys()) {
      const contact = this.#contacts.get(device);
      if (contact === undefined) continue;
      contact.peer.update(view.verified);
      this.#presence(contact.peer, view);
    }
    this.streams.refit(view.member);
  }

  /** Newer statements of a member: links to devices that it took off its list are dropped. */
  onDevices({ member, verified }: MemberView): void {
    for (const { peer, dialer } of this.#contacts) {
      if (peer.member.member !== member) continue;
      peer.update(verified);
      if (!verified.devices.has(peer.device)) dialer?.close("unlisted");
    }
    this.streams.refit(member);
  }

  /** A new session: says again whom to watch, sends again what may be lost. */
  onSession(): void {
    this.#options.directory.rewatch();
    this.#openLeftover().catch(this.#options.onError);
    for (const { peer, dialer } of this.#contacts) {
      peer.onSession();
      dialer?.onSession();
    }
    this.streams.onSession();
  }

  async #openLeftover(): Promise<void> {
    for (const member of await this.streams.openLeftover()) this.#options.directory.watch(member);
  }

  views(): readonly LinkView[] {
    return this.#contacts.views();
  }

  /** Something is about to be written for a device that can be reached. */
  get isFlushing(): boolean {
    return this.#contacts.isFlushing;
  }

  /** Something is left that a stop should wait for: unacknowledged on the way to whoever is here, or not yet stored. */
  get hasUnsettled(): boolean {
    return this.#contacts.isUnderWay || !this.streams.isStored;
  }

  stop(): void {
    this.#sweep?.cancel();
    this.links.stop();
    for (const { peer } of this.#contacts) peer.stop();
    this.streams.stop();
  }

  #makeStreams(): DurableStreams {
    const { state, journal, writes, session, relay, directory, clock, traffic, emit, onError } = this.#options;
    const { member, device } = this.#options.identity();
    return new DurableStreams({
      own: { member, device: device.id },
      journal,
      writes,
      state,
      session,
      relay,
      view: (member) => directory.known(member),
      recipient: (member) => async () => (directory.known(member) ?? (await directory.get(member))).verified,
      reason: (member, path, paths) => this.#reason(member, path, paths),
      peersOf: (member) => this.#contacts.of(member),
      now: () => clock.now(),
      monotonic: () => this.#elapsed,
      soon: (run) => clock.soon(run),
      onDelivery: (delivery, to) => {
        traffic.delivery(delivery.state, delivery.path, delivery.reason);
        emit({ type: "delivery", delivery, to });
      },
      onError,
    });
  }

  /** What a machine slept counts for what expires. */
  get #elapsed(): number {
    return this.#options.clock.monotonic() + this.#options.session.missedMs;
  }

  /** Why something to a member went by a path: the word of the device that it says most about. */
  #reason(member: string, path: Path, paths: AllowedPaths | undefined): string | undefined {
    const view = this.#options.directory.known(member);
    const takers = takersOf(view);
    if (view !== undefined && takers.length === 0 && view.live) return "no-inbox-holder";
    const peers = this.#contacts.of(member).filter(({ device }) => takers.includes(device));
    const peer = peers.find(({ link }) => link?.path === path) ?? peers.find(({ connected }) => connected) ?? peers[0];
    return peer === undefined ? "not-connected" : this.pathReason(peer, paths);
  }

  #meet(member: VerifiedMember, device: string): Contact {
    const forgotten = this.#contacts.makeRoom();
    if (forgotten !== undefined) this.streams.forget(forgotten.peer, forgotten.peer.member.member);
    const { trust, session, relay, random, clock, links, traffic, standingOf, onLive, onLiveRefused, onError } =
      this.#options;
    const peer = new Peer({
      member,
      device,
      trust,
      session,
      relay,
      random,
      monotonic: () => clock.monotonic(),
      soon: (run) => clock.soon(run),
      durables: () => this.streams.of(member.member),
      traffic,
      standingOf,
      onLive,
      onLiveRefused,
      onError,
    });
    const contact: Contact = new Contact({
      peer,
      dialer: this.links.dialer(peer),
      policy: links?.policy ?? "all",
      clock,
      ping: () => this.#pingByLink(peer),
    });
    contact.lastMet = clock.monotonic();
    this.#contacts.add(contact);
    this.streams.meet(peer, member.member);
    return contact;
  }

  #presence(peer: Peer, { devices }: MemberView): void {
    if (!peer.onPresence(devices.find(({ device }) => device === peer.device))) return;
    this.#options.onRestart(peer);
    this.#contacts.get(peer.device)?.dialer?.onRestart();
    if (peer.wantsLink) this.links.want(peer);
  }

  async #pingByLink(peer: Peer): Promise<number | undefined> {
    const { path, rttMs } = await this.#options.ping(peer);
    return path === "relay" ? undefined : rttMs;
  }

  #scheduleSweep(): void {
    const { clock } = this.#options;
    const due = clock.monotonic() + sweepMs;
    this.#sweep = clock.setTimer(sweepMs, () => {
      // A busy or suspended process has not heard what came meanwhile.
      const lateMs = Math.max(clock.monotonic() - due, 0);
      for (const contact of this.#contacts) contact.discount(lateMs);
      for (const { peer } of this.#contacts) peer.answerBusy();
      this.links.sweep();
      this.streams.sweep(this.#elapsed);
      this.#options.onSweep();
      this.#scheduleSweep();
    });
  }
}
