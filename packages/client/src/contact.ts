/** All that one device keeps about another: the peer, the dialer of links to it, and the watch over its answers. */
import type { Clock } from "@parley/core";

import { AnswerWatch } from "./answer-watch.ts";
import type { AllowedPaths } from "./delivery.ts";
import type { LinkView } from "./device-api.ts";
import type { Dialer } from "./dialer.ts";
import type { OpenLink } from "./open-link.ts";
import { type PathReason, reasonOf } from "./path-reason.ts";
import type { Peer } from "./peer.ts";

export interface ContactOptions {
  readonly peer: Peer;
  /** Undefined on a device that makes no links. */
  readonly dialer: Dialer | undefined;
  readonly policy: "all" | "relay";
  readonly clock: Clock;
  /** Pings by the open link; resolves with the round trip in milliseconds, undefined when it went another way. */
  readonly ping: () => Promise<number | undefined>;
}

/** What went by relay and is not acknowledged after this is sent again. */
const unansweredRelayMs = 5000;

export class Contact {
  readonly peer: Peer;
  readonly dialer: Dialer | undefined;
  /** Monotonic time when it was last asked for. */
  lastMet = 0;
  readonly #options: ContactOptions;
  readonly #answers = new AnswerWatch();
  /** Since when something that went by relay waits unanswered, by the monotonic clock. */
  #relayWaits: number | undefined;

  constructor(options: ContactOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.dialer = options.dialer;
  }

  /** Nothing would be missed if it were forgotten. */
  get isIdle(): boolean {
    const { peer, dialer } = this;
    return !peer.connected && peer.link === undefined && !peer.hasUnacked && dialer?.isDialling !== true;
  }

  /** The reason of the path that something sent now under a rule takes. */
  reason(paths?: AllowedPaths, inboxHeld = true): PathReason {
    const { peer, dialer } = this;
    return reasonOf(
      {
        link: peer.link?.path,
        policy: this.#options.policy,
        ownLinks: dialer !== undefined,
        peerLinks: dialer?.peerMakesNone !== true,
        opening: dialer?.isDialling === true,
        lastFailure: dialer?.lastFailure,
        connected: peer.connected,
        inboxHeld,
      },
      paths,
    );
  }

  /** How the link stands; `open` is undefined for one that is not open. */
  view(open: OpenLink | undefined): LinkView {
    const { member, name } = this.peer.member;
    return {
      member,
      name,
      device: this.peer.device,
      state: open === undefined ? "opening" : "open",
      path: open?.path,
      route: open?.route,
      openedInMs: open?.openedInMs,
      reason: this.reason(),
      attempts: this.dialer?.attempts ?? 0,
      lastFailure: this.dialer?.lastFailure,
    };
  }

  onOpened(): void {
    this.#answers.onOpened();
    this.#ping();
  }

  /** Asks whether the open link still carries anything: it is given up unless something is heard. */
  probe(): void {
    if (this.peer.link === undefined) return;
    this.#answers.onAsked(this.#options.clock.monotonic());
    this.#ping();
  }

  /** Unanswered frames give a link up long before ICE notices; what went by relay is sent there again. */
  watchAnswers(now: number, sessionOpen: boolean): void {
    this.#watchLink(now);
    const { peer } = this;
    const waits = peer.waitsOnRelay && peer.connected && sessionOpen;
    this.#relayWaits = waits ? Math.max(this.#relayWaits ?? now, peer.lastRelayAck) : undefined;
    if (this.#relayWaits === undefined || now - this.#relayWaits <= unansweredRelayMs) return;
    this.#relayWaits = now;
    peer.onSession();
  }

  /** This process stood still for so long: what came meanwhile is not read yet. */
  discount(ms: number): void {
    this.#answers.discount(ms);
    if (this.#relayWaits !== undefined) this.#relayWaits += ms;
  }

  #watchLink(now: number): void {
    const { link, lastAck, waitsOnLink } = this.peer;
    if (link === undefined) return;
    const verdict = this.#answers.look({ now, isDue: waitsOnLink, heard: Math.max(link.lastHeard, lastAck) });
    if (verdict === "ask") this.#ping();
    if (verdict === "give-up") this.#answers.onGivenUp(this.dialer?.close("unanswered") === true);
  }

  #ping(): void {
    this.#options.ping().then(
      (ms) => ms !== undefined && this.#answers.onRoundTrip(ms),
      // Silence is what the watch is for.
      () => undefined,
    );
  }
}
