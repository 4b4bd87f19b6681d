/** One dial of a link, from the first signal until it ends: opens the channel, proves both sides, then carries frames. */
import type { Clock, IceServer, Link, LinkRoute, LinkSignal, Timer } from "@parley/core";
import { decodeFrame, FrameWriter, limits, ParleyError, type Signal, toParleyError } from "@parley/protocol";

import type { LinkSettings } from "./device-api.ts";
import { type LinkFailure, linkFailureOf } from "./link-failure.ts";
import type { ProvenPeer } from "./link-hello.ts";
import type { OpenLink } from "./open-link.ts";

/**
 * - `first`: there is no link yet.
 * - `better`: beside an open link through TURN, and worth nothing unless it is `direct`.
 * - `fresh`: beside an open link through TURN whose credentials run out.
 */
export type AttemptPurpose = "first" | "better" | "fresh";

export interface LinkAttemptOptions {
  readonly dial: string;
  readonly role: "offer" | "answer";
  readonly purpose: AttemptPurpose;
  readonly ownBoot: string;
  readonly peerBoot: string;
  readonly servers: readonly IceServer[];
  readonly settings: LinkSettings;
  readonly clock: Clock;
  readonly sendSignal: (signal: Signal) => void;
  readonly makeHello: (link: Link, peerBoot: string) => Promise<string>;
  readonly verifyHello: (compact: string, link: Link, peerBoot: string) => Promise<ProvenPeer>;
  /** Whether a link with this route is of any use, now that the channel is open. */
  readonly accepts: (attempt: LinkAttempt, route: LinkRoute | undefined) => boolean;
  /** Both sides are proven. Frames that came early follow. */
  readonly onOpen: (attempt: LinkAttempt, open: OpenLink, proven: ProvenPeer) => void;
  readonly onFrame: (bytes: Uint8Array, open: OpenLink) => void;
  readonly onDrain: (attempt: LinkAttempt) => void;
  /** A link that was opened through TURN has become direct by itself. */
  readonly onDirect: (attempt: LinkAttempt) => void;
  /** Once, unless `end` was told to be quiet. */
  readonly onEnded: (attempt: LinkAttempt, error: ParleyError, failure: LinkFailure) => void;
}

const mostEarlyFrames = 64;
/** ICE has settled on a pair this long after the channel opened. */
const settleMs = 3000;

export class LinkAttempt {
  readonly dial: string;
  readonly role: "offer" | "answer";
  readonly purpose: AttemptPurpose;
  readonly peerBoot: string;
  /** The other side has taken up this attempt: an offer that it sends after that is for a new one. */
  answered = false;
  readonly #options: LinkAttemptOptions;
  readonly #link: Link;
  readonly #started: number;
  readonly #timeout: Timer;
  /** Both hellos are needed before anything else passes. */
  #state: "signalling" | "hello" | "open" | "closed" = "signalling";
  #open: OpenLink | undefined;
  #openedAt = 0;
  /** Frames that came behind the hello while it was being verified. */
  readonly #early: Uint8Array[] = [];
  /** What the other side was told, in order. */
  readonly #said: LinkSignal[] = [];
  #proving = false;
  #lease: Timer | undefined;
  #useful: Promise<boolean> | undefined;
  #onUse: (() => void) | undefined;

  /** Throws when the factory is closed. */
  constructor(options: LinkAttemptOptions) {
    this.#options = options;
    this.dial = options.dial;
    this.role = options.role;
    this.purpose = options.purpose;
    this.peerBoot = options.peerBoot;
    const { settings, clock, servers } = options;
    this.#started = clock.monotonic();
    this.#link = settings.factory.create(
      {
        iceServers: servers,
        maxMessageBytes: limits.frameBytes,
        policy: settings.policy ?? "all",
        ...(settings.bindAddress === undefined ? {} : { bindAddress: settings.bindAddress }),
        ...(settings.portRange === undefined ? {} : { portRange: settings.portRange }),
      },
      {
        onSignal: (signal) => {
          if (this.#said.length < limits.candidates) this.#said.push(signal);
          this.#say(signal);
        },
        onOpen: () => void this.#onChannel(),
        onMessage: (bytes) => this.#onMessage(bytes),
        onDrain: () => options.onDrain(this),
        onRoute: (route) => this.#onRoute(route),
        onClosed: (reason) => this.#onClosed(reason),
      },
    );
    this.#timeout = clock.setTimer(limits.linkOpenMs, () =>
      this.end(new ParleyError("timeout", { message: "The link did not open in time." }), "timeout"),
    );
  }

  /** What the link is for those above it, once both sides are proven. */
  get open(): OpenLink | undefined {
    return this.#open;
  }

  /** Whether it carries frames. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Milliseconds since it opened. */
  get livedMs(): number {
    return this.#options.clock.monotonic() - this.#openedAt;
  }

  /** Begins; `signals` came while the list of servers was being asked for. */
  start(signals: readonly LinkSignal[]): void {
    if (this.role === "offer") this.#link.offer();
    for (const signal of signals) this.signal(signal);
  }

  signal(signal: LinkSignal): void {
    if (signal.type === "answer") {
      // Said again.
      if (this.answered) return;
      this.answered = true;
    }
    this.#link.signal(signal);
  }

  /** The other side may not have heard what it was told. */
  sayAgain(): void {
    if (this.#state === "signalling") for (const signal of this.#said) this.#say(signal);
  }

  /** Tells the other side, over the registry, that this ends. */
  sayBye(reason: string): void {
    this.#say({ type: "bye", reason });
  }

  /** Ends it; whoever ends it quietly has dealt with the consequences. */
  end(error: ParleyError, failure: LinkFailure, quiet = false): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timeout.cancel();
    this.#lease?.cancel();
    this.#link.close();
    if (!quiet) this.#options.onEnded(this, error, failure);
  }

  /** ICE may find a better pair later: true when a link that was opened through TURN goes directly now. */
  async hasBecomeDirect(): Promise<boolean> {
    const route = await this.#link.route();
    if (this.#state !== "open" || this.#open?.path !== "turn" || route?.path !== "direct") return false;
    this.#open = { ...this.#open, path: "direct", route };
    return true;
  }

  #say(signal: Signal["signal"]): void {
    const { sendSignal, dial, ownBoot, peerBoot } = this.#options;
    sendSignal({ dial, from: ownBoot, to: peerBoot, signal });
  }

  /** The side that offered decides before it proves itself, so that the other one never moves to what is not wanted. */
  async #onChannel(): Promise<void> {
    if (this.#state !== "signalling") return;
    this.#state = "hello";
    try {
      if (!(await this.#isUseful())) return this.#endUseless();
      const hello = await this.#options.makeHello(this.#link, this.peerBoot);
      const writer = new FrameWriter();
      writer.hello(hello);
      this.#link.send(writer.finish());
    } catch (error) {
      this.end(toParleyError(error), "unproven");
    }
  }

  /** ICE begins with the first pair that works, and moves to a better one in the next seconds: it is given the time. */
  #isUseful(): Promise<boolean> {
    this.#useful ??= this.#awaitUse();
    return this.#useful;
  }

  async #awaitUse(): Promise<boolean> {
    const { accepts, clock } = this.#options;
    if (accepts(this, await this.#link.route())) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onUse = resolve;
    const timer = clock.setTimer(settleMs, resolve);
    await promise;
    timer.cancel();
    return accepts(this, await this.#link.route());
  }

  #onRoute(route: LinkRoute): void {
    if (this.#options.accepts(this, route)) this.#onUse?.();
    if (route.path === "direct")
      void this.hasBecomeDirect().then((isDirect) => isDirect && this.#options.onDirect(this));
  }

  #endUseless(): void {
    this.end(new ParleyError("closed", { message: "No better way than through TURN was found." }), "only-turn");
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#open !== undefined) {
      this.#open.lastHeard = this.#options.clock.monotonic();
      this.#options.onFrame(bytes, this.#open);
    } else if (this.#proving) {
      if (this.#early.length >= mostEarlyFrames) this.end(new ParleyError("limit_reached"), "unproven");
      else this.#early.push(bytes.slice());
    } else if (this.#state !== "closed") void this.#prove(bytes);
  }

  async #prove(bytes: Uint8Array): Promise<void> {
    this.#proving = true;
    try {
      const frame = decodeFrame(bytes);
      const [hello] = frame.ok ? frame.value : [];
      if (hello?.type !== "hello")
        throw new ParleyError("unauthenticated", { message: "A link began with something else than a hello." });
      const proven = await this.#options.verifyHello(hello.statement, this.#link, this.peerBoot);
      if (!(await this.#isUseful())) return this.#endUseless();
      const route = await this.#link.route();
      if (this.#state !== "closed") this.#succeed(proven, route);
    } catch (error) {
      this.end(toParleyError(error), "unproven");
    }
  }

  #succeed(proven: ProvenPeer, route: OpenLink["route"]): void {
    const { clock, onOpen, onFrame } = this.#options;
    const now = clock.monotonic();
    this.#timeout.cancel();
    this.#state = "open";
    this.#openedAt = now;
    const open: OpenLink = {
      link: this.#link,
      path: route?.path ?? "direct",
      route,
      openedInMs: now - this.#started,
      blocked: false,
      lastHeard: now,
      lastUsed: now,
    };
    this.#open = open;
    this.#lease = clock.setTimer(proven.leaseExpires - clock.now(), () =>
      this.end(new ParleyError("lease_expired"), "lease-expired"),
    );
    onOpen(this, open, proven);
    for (const bytes of this.#early.splice(0)) onFrame(bytes, open);
  }

  /** A channel that the other side closes once it is open, but not proven, was refused: dialling again would be in vain. */
  #onClosed(reason: string): void {
    if (this.#state === "hello")
      this.end(new ParleyError("refused", { message: "The other side did not accept this link." }), "refused");
    else this.end(new ParleyError("closed", { message: `The link closed: ${reason}.` }), linkFailureOf(reason));
  }
}
