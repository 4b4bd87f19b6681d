/**
 * Links to one remote device: dials on demand, answers, settles glare, proves both sides, gives up and tries anew.
 *
 * Glare, when both sides offer at once: the device with the higher id is impolite and ignores the other's offer; the
 * other drops its own attempt and answers. Every attempt is a link of its own, so nothing is ever rolled back.
 */
import { Backoff, type Clock, type IceServer, type Link, type LinkSignal, type Random, type Timer } from "@parley/core";
import {
  decodeFrame,
  FrameWriter,
  limits,
  ParleyError,
  type Signal,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import type { LinkSettings } from "./device-api.ts";
import type { ProvenPeer } from "./link-hello.ts";
import type { OpenLink } from "./open-link.ts";

/** What a dialer needs from the device around it. */
export interface DialerOptions {
  readonly settings: LinkSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly ownDevice: string;
  readonly ownBoot: string;
  readonly peerDevice: string;
  /** Boot nonce of the other side as last heard. */
  readonly peerBoot: () => string | undefined;
  readonly iceServers: () => Promise<readonly IceServer[]>;
  readonly sendSignal: (signal: Signal) => void;
  readonly makeHello: (link: Link, peerBoot: string) => Promise<string>;
  readonly verifyHello: (compact: string, link: Link, peerBoot: string) => Promise<ProvenPeer>;
  readonly onOpen: (link: OpenLink, proven: ProvenPeer) => void;
  readonly onFrame: (bytes: Uint8Array) => void;
  readonly onDrain: () => void;
  /** An open link closed, or an attempt failed. */
  readonly onClosed: (error: ParleyError, wasOpen: boolean) => void;
}

interface Attempt {
  readonly dial: string;
  readonly role: "offer" | "answer";
  readonly peerBoot: string;
  readonly link: Link;
  readonly started: number;
  readonly timeout: Timer;
  /** The other side has taken up this attempt: an offer that it sends after that is for a new one. */
  answered: boolean;
  /** Both hellos are needed before anything else passes. */
  state: "signalling" | "hello" | "open" | "closed";
  openLink: OpenLink | undefined;
  /** Frames that came behind the hello while it was being verified. */
  early: Uint8Array[];
  proving: boolean;
  lease: Timer | undefined;
}

/** An attempt that waits for the list of servers, with the signals that came for it meanwhile. */
interface Preparation {
  readonly dial: string;
  readonly role: Attempt["role"];
  readonly peerBoot: string;
  readonly signals: LinkSignal[];
}

const mostEarlyFrames = 64;
const mostSeenDials = 64;

export class Dialer {
  readonly #options: DialerOptions;
  readonly #backoff: Backoff;
  readonly #seen = new Set<string>();
  #attempt: Attempt | undefined;
  /** The open link, which stays while a newer attempt is under way. */
  #open: Attempt | undefined;
  #notBefore = 0;
  #preparing: Preparation | undefined;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random, { firstMs: 1000, mostMs: 60_000 });
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get isDialling(): boolean {
    return this.#attempt !== undefined || this.#preparing !== undefined;
  }

  /** Starts an attempt, unless one is under way, a link is open, or the last failure is too fresh and `eager` is false. */
  dial(eager = false): void {
    const { clock, peerBoot } = this.#options;
    if (this.isOpen || this.isDialling || (!eager && clock.monotonic() < this.#notBefore)) return;
    const boot = peerBoot();
    if (boot === undefined) return;
    void this.#begin({ role: "offer", dial: toBase64url(this.#options.random.bytes(16)), peerBoot: boot, signals: [] });
  }

  /** Takes a signal, already opened and verified to come from the device. */
  onSignal(signal: Signal): void {
    const { ownBoot } = this.#options;
    if (signal.to !== ownBoot) return;
    const { signal: step, dial } = signal;
    if (step.type === "offer") return this.#onOffer(dial, signal.from, step);
    if (step.type === "bye") {
      if (this.#open?.dial === dial)
        this.#end(
          this.#open,
          new ParleyError("closed", { message: `The other side closed the link: ${step.reason}.` }),
        );
      return;
    }
    if (this.#attempt?.dial === dial) {
      if (step.type === "answer") this.#attempt.answered = true;
      this.#attempt.link.signal(step);
    } else if (this.#preparing?.dial === dial && this.#preparing.signals.length < limits.candidates)
      this.#preparing.signals.push(step);
  }

  /** Closes whatever there is. */
  close(reason: string): void {
    this.#preparing = undefined;
    for (const attempt of [this.#attempt, this.#open]) {
      if (attempt === undefined) continue;
      this.#options.sendSignal({
        dial: attempt.dial,
        from: this.#options.ownBoot,
        to: attempt.peerBoot,
        signal: { type: "bye", reason },
      });
      this.#end(attempt, new ParleyError("closed", { message: `The link was closed: ${reason}.` }));
    }
  }

  #onOffer(dial: string, from: string, offer: LinkSignal): void {
    if (this.#seen.has(dial)) return;
    if (this.#seen.size >= mostSeenDials) this.#seen.delete(this.#seen.values().next().value ?? "");
    this.#seen.add(dial);
    const impolite = this.#options.ownDevice > this.#options.peerDevice;
    const own = this.#attempt ?? this.#preparing;
    const isGlare = own?.role === "offer" && this.#attempt?.answered !== true;
    if (isGlare && impolite) return;
    if (this.#attempt !== undefined)
      this.#end(this.#attempt, new ParleyError("closed", { message: "Gave way to the other side's offer." }), true);
    void this.#begin({ role: "answer", dial, peerBoot: from, signals: [offer] });
  }

  async #begin(preparation: Preparation): Promise<void> {
    const { iceServers, settings, clock } = this.#options;
    this.#preparing = preparation;
    // An offer that comes meanwhile and goes first, or the end, takes its place.
    const isWanted = (): boolean => this.#preparing === preparation;
    try {
      const servers = [...(await iceServers()), ...(settings.iceServers ?? [])];
      if (!isWanted()) return;
      const { role, dial, peerBoot, signals } = preparation;
      const attempt = this.#create(role, dial, peerBoot, servers);
      this.#preparing = undefined;
      this.#attempt = attempt;
      if (role === "offer") attempt.link.offer();
      for (const signal of signals) attempt.link.signal(signal);
    } catch (error) {
      if (!isWanted()) return;
      this.#preparing = undefined;
      this.#notBefore = clock.monotonic() + this.#backoff.next();
      this.#options.onClosed(toParleyError(error), false);
    }
  }

  #create(role: Attempt["role"], dial: string, peerBoot: string, servers: readonly IceServer[]): Attempt {
    const { settings, clock, ownBoot, sendSignal } = this.#options;
    const holder: { attempt?: Attempt } = {};
    const whenReady = (act: (attempt: Attempt) => void): void => {
      if (holder.attempt !== undefined) act(holder.attempt);
    };
    const link = settings.factory.create(
      {
        iceServers: servers,
        maxMessageBytes: limits.frameBytes,
        policy: settings.policy ?? "all",
        ...(settings.bindAddress === undefined ? {} : { bindAddress: settings.bindAddress }),
        ...(settings.portRange === undefined ? {} : { portRange: settings.portRange }),
      },
      {
        onSignal: (signal) => sendSignal({ dial, from: ownBoot, to: peerBoot, signal }),
        onOpen: () => whenReady((attempt) => void this.#onChannel(attempt)),
        onMessage: (bytes) => whenReady((attempt) => this.#onMessage(attempt, bytes)),
        onDrain: () => whenReady((attempt) => attempt === this.#open && this.#options.onDrain()),
        onClosed: (reason) => whenReady((attempt) => this.#end(attempt, closedBecause(attempt, reason))),
      },
    );
    const timeout = clock.setTimer(limits.linkOpenMs, () =>
      whenReady((attempt) =>
        this.#end(attempt, new ParleyError("timeout", { message: "The link did not open in time." })),
      ),
    );
    const attempt: Attempt = {
      dial,
      role,
      peerBoot,
      link,
      started: clock.monotonic(),
      timeout,
      answered: false,
      state: "signalling",
      openLink: undefined,
      early: [],
      proving: false,
      lease: undefined,
    };
    holder.attempt = attempt;
    return attempt;
  }

  async #onChannel(attempt: Attempt): Promise<void> {
    if (attempt.state !== "signalling") return;
    attempt.state = "hello";
    try {
      const writer = new FrameWriter();
      writer.hello(await this.#options.makeHello(attempt.link, attempt.peerBoot));
      attempt.link.send(writer.finish());
    } catch (error) {
      this.#end(attempt, toParleyError(error));
    }
  }

  #onMessage(attempt: Attempt, bytes: Uint8Array): void {
    if (attempt.openLink !== undefined) {
      attempt.openLink.lastHeard = this.#options.clock.monotonic();
      this.#options.onFrame(bytes);
    } else if (attempt.proving) {
      if (attempt.early.length >= mostEarlyFrames) this.#end(attempt, new ParleyError("limit_reached"));
      else attempt.early.push(bytes.slice());
    } else if (attempt.state !== "closed") void this.#prove(attempt, bytes);
  }

  async #prove(attempt: Attempt, bytes: Uint8Array): Promise<void> {
    attempt.proving = true;
    try {
      const frame = decodeFrame(bytes);
      const [hello] = frame.ok ? frame.value : [];
      if (hello?.type !== "hello")
        throw new ParleyError("unauthenticated", { message: "A link began with something else than a hello." });
      const proven = await this.#options.verifyHello(hello.statement, attempt.link, attempt.peerBoot);
      const route = await attempt.link.route();
      if (attempt.state !== "closed") this.#succeed(attempt, proven, route);
    } catch (error) {
      this.#end(attempt, toParleyError(error));
    }
  }

  #succeed(attempt: Attempt, proven: ProvenPeer, route: OpenLink["route"]): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    attempt.timeout.cancel();
    attempt.state = "open";
    attempt.openLink = {
      link: attempt.link,
      path: route?.path ?? "direct",
      route,
      openedInMs: now - attempt.started,
      blocked: false,
      lastHeard: now,
      lastUsed: now,
    };
    attempt.lease = clock.setTimer(proven.leaseExpires - clock.now(), () =>
      this.#end(attempt, new ParleyError("lease_expired")),
    );
    if (this.#attempt === attempt) this.#attempt = undefined;
    const before = this.#open;
    this.#open = attempt;
    if (before !== undefined)
      this.#end(before, new ParleyError("closed", { message: "A newer link took over." }), true);
    this.#backoff.reset();
    this.#options.onOpen(attempt.openLink, proven);
    for (const bytes of attempt.early.splice(0)) this.#options.onFrame(bytes);
  }

  #end(attempt: Attempt, error: ParleyError, quiet = false): void {
    if (attempt.state === "closed") return;
    const wasOpen = this.#open === attempt;
    attempt.state = "closed";
    attempt.timeout.cancel();
    attempt.lease?.cancel();
    attempt.link.close();
    if (this.#attempt === attempt) this.#attempt = undefined;
    if (wasOpen) this.#open = undefined;
    else if (!quiet) this.#notBefore = this.#options.clock.monotonic() + this.#backoff.next();
    if (!quiet) this.#options.onClosed(error, wasOpen);
  }
}

/** A channel that the other side closes once it is open, but not proven, was refused: dialling again would be in vain. */
function closedBecause(attempt: Attempt, reason: string): ParleyError {
  if (attempt.state === "hello")
    return new ParleyError("refused", { message: "The other side did not accept this link." });
  return new ParleyError("closed", { message: `The link closed: ${reason}.` });
}
