/** The links to the devices that were met: dialled when they are wanted, watched while they are open, dropped when they must go. */
import type { ErrorCode, OrderType, ParleyError, Signal } from "@parley/protocol";

import type { Contacts } from "./contacts.ts";
import type { DeviceEvent } from "./device-api.ts";
import type { Dialer } from "./dialer.ts";
import { Dialers, type DialersOptions } from "./dialers.ts";
import type { OpenLink } from "./open-link.ts";
import type { Peer } from "./peer.ts";

export interface LinksOptions extends Omit<DialersOptions, "onOpen" | "onClosed"> {
  readonly contacts: Contacts;
  /** Milliseconds a link may be idle. */
  readonly linkIdleMs: number;
  readonly emit: (event: DeviceEvent) => void;
  /** Asks the registry anew where the devices of a member stand. */
  readonly refresh: (member: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Ends of a link that are no verdict of this side. */
const othersDoing: readonly ErrorCode[] = ["closed", "timeout", "refused"];

export class Links {
  readonly #options: LinksOptions;
  readonly #dialers: Dialers;
  readonly #unwatchNetwork: (() => void) | undefined;
  #stopped = false;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#dialers = new Dialers({
      ...options,
      onOpen: (peer, link) => this.#onOpen(peer, link),
      onClosed: (peer, error, wasOpen) => this.#onClosed(peer, error, wasOpen),
    });
    this.#unwatchNetwork = options.links?.factory.watchNetwork?.(() => this.#onNetwork());
  }

  /** The dialer for a device that is met now; undefined on a device that makes no links. */
  dialer(peer: Peer): Dialer | undefined {
    return this.#dialers.make(peer);
  }

  /** Starts a link when links are wanted and possible. */
  want(peer: Peer, eager = false): void {
    const { session, contacts } = this.#options;
    const dialer = contacts.get(peer.device)?.dialer;
    if (this.#stopped || dialer === undefined || dialer.isOpen || !peer.connected || !session.carries) return;
    if (this.#options.gate.refusalOf(peer.member) !== undefined) return;
    contacts.makeRoomForLink();
    dialer.dial(eager);
  }

  canDial(peer: Peer): boolean {
    return this.#options.contacts.get(peer.device)?.dialer !== undefined;
  }

  isDialling(peer: Peer): boolean {
    return this.#options.contacts.get(peer.device)?.dialer?.isDialling ?? false;
  }

  onSignal(peer: Peer, signal: Signal): void {
    if (this.#stopped) return;
    if (peer.boot === signal.from) this.#takeSignal(peer, signal);
    else this.#onOtherStart(peer, signal).catch(this.#options.onError);
  }

  /** Passes on what this side has of news to whoever is linked: its device list, and one of the operators' orders. */
  gossipToAll(order?: OrderType): void {
    const known = order === undefined ? {} : { [order]: 0 };
    for (const peer of this.#options.contacts.linked()) this.#dialers.gossip(peer, known);
  }

  /** Passes the operator sets after this number on to whoever is linked. */
  gossipOperators(after: number): void {
    for (const peer of this.#options.contacts.linked()) this.#dialers.gossipOperators(peer, after);
  }

  /** Passes on what a member took back of its delegations to whoever is linked. */
  gossipWithdrawals(withdrawals: string): void {
    for (const peer of this.#options.contacts.linked()) this.#dialers.gossipWithdrawals(peer, withdrawals);
  }

  /** The operators' orders are others: drops links to whoever is revoked now, or from whom nothing is taken any more. */
  closeRefused(): void {
    const { contacts, trust, gate, emit } = this.#options;
    for (const { peer, dialer } of contacts) {
      const { member } = peer;
      if (trust.isRevoked(member.member)) {
        dialer?.close("revoked");
        emit({ type: "revoked", member: member.member });
      } else if (gate.isSilenced || gate.refusalOf(member) !== undefined) dialer?.close("refused");
    }
  }

  /** Drops links to whoever was let in by an operator who is none any more. */
  closeUnvouched(): void {
    const { contacts, trust } = this.#options;
    for (const { peer, dialer } of contacts)
      if (!trust.isVouched(peer.member.record.admission)) dialer?.close("not_admitted");
  }

  /** Drops the link to a peer from which nothing is taken. */
  refuse(peer: Peer): void {
    this.#options.contacts.get(peer.device)?.dialer?.close("refused");
  }

  /** The machine slept: the other sides have given their links up, and credentials may be over. */
  onSlept(): void {
    this.#dialers.forgetGrants();
    for (const { dialer } of this.#options.contacts) dialer?.close("slept");
  }

  /** Called regularly: gives up what does not answer or is not used, and tries again what failed. */
  sweep(): void {
    const { contacts, clock, linkIdleMs, session } = this.#options;
    const now = clock.monotonic();
    for (const contact of contacts) {
      const { peer, dialer } = contact;
      contact.watchAnswers(now, session.isOpen);
      const open = peer.link;
      if (open !== undefined && now - Math.max(open.lastHeard, open.lastUsed) > linkIdleMs) dialer?.close("idle");
      // An attempt that failed is made again, at the dialer's pace, while there is a use for it.
      if (peer.link === undefined && peer.wantsLink) this.want(peer);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatchNetwork?.();
    for (const { dialer } of this.#options.contacts) dialer?.close("stopped");
  }

  /** A signal of another start than presence told: presence lags behind, or the signal does. The registry knows. */
  async #onOtherStart(peer: Peer, signal: Signal): Promise<void> {
    await this.#options.refresh(peer.member.member);
    if (peer.boot === signal.from) this.#takeSignal(peer, signal);
  }

  #takeSignal(peer: Peer, signal: Signal): void {
    const dialer = this.#options.contacts.get(peer.device)?.dialer;
    if (dialer !== undefined) dialer.onSignal(signal);
    else if (signal.signal.type === "offer") this.#dialers.decline(peer, signal);
  }

  #onOpen(peer: Peer, link: OpenLink): void {
    const contact = this.#options.contacts.get(peer.device);
    contact?.onOpened();
    if (contact !== undefined) this.#options.emit({ type: "link", link: contact.view(link) });
  }

  #onClosed(peer: Peer, { code, message }: ParleyError, wasOpen: boolean): void {
    const { contacts, emit } = this.#options;
    if (wasOpen) peer.detach();
    const view = contacts.get(peer.device)?.view(undefined);
    if (view !== undefined) emit({ type: "link", link: { ...view, state: "closed" }, code, reason: message });
    if (!othersDoing.includes(code)) emit({ type: "refused", code, message, from: peer.member.name });
    if (wasOpen && peer.hasUnacked) this.want(peer);
  }

  /** This machine's addresses changed: open links may lead nowhere now, and better ways may have come up. */
  #onNetwork(): void {
    if (this.#stopped) return;
    for (const contact of this.#options.contacts) {
      contact.probe();
      contact.dialer?.onNetwork();
      if (contact.peer.wantsLink) this.want(contact.peer);
    }
  }
}
