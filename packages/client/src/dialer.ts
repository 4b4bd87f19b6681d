/**
 * Links to one remote device: dials on demand, answers, settles glare, moves to a better link when there is one, gives
 * up and tries anew.
 *
 * Glare, when both sides offer at once: the device with the higher id is impolite and ignores the other's offer; the
 * other drops its own attempt and answers. Every attempt is a link of its own, so nothing is ever rolled back.
 *
 * A newer link takes over from an open one: this side sends on the newest only and listens on both, until the other
 * side has moved too. Should the newer one end meanwhile, the earlier one goes on.
 */
import { Backoff, type Clock, type IceServer, type Link, type Random, type Timer } from "@parley/core";
import { limits, ParleyError, type Signal, toBase64url, toParleyError } from "@parley/protocol";

import type { LinkSettings } from "./device-api.ts";
import type { IceGrant } from "./ice-grants.ts";
import { type AttemptPurpose, LinkAttempt } from "./link-attempt.ts";
import { type LinkFailure, linkFailureOf } from "./link-failure.ts";
import type { ProvenPeer } from "./link-hello.ts";
import { LinkLadder } from "./link-ladder.ts";
import type { MetricName } from "./metrics.ts";
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
  /** Whether signals reach the other side now. */
  readonly canSignal: () => boolean;
  readonly iceServers: () => Promise<IceGrant>;
  readonly sendSignal: (signal: Signal) => void;
  readonly makeHello: (link: Link, peerBoot: string) => Promise<string>;
  readonly verifyHello: (compact: string, link: Link, peerBoot: string) => Promise<ProvenPeer>;
  /** A link is open, or another one has taken over. */
  readonly onOpen: (link: OpenLink, proven: ProvenPeer) => void;
  readonly onFrame: (bytes: Uint8Array, link: OpenLink) => void;
  readonly onDrain: () => void;
  /** The open link closed and no other is there, or an attempt failed while there was none. */
  readonly onClosed: (error: ParleyError, wasOpen: boolean) => void;
  readonly count: (name: MetricName, labels: Readonly<Record<string, string>>) => void;
}

/** An attempt that waits for the list of servers, with the signals that came for it meanwhile. */
interface Preparation {
  readonly dial: string;
  readonly role: LinkAttempt["role"];
  readonly purpose: AttemptPurpose;
  readonly peerBoot: string;
  readonly signals: Exclude<Signal["signal"], { readonly type: "bye" }>[];
}

/** A link that carries frames, with what is needed to take it up again. */
interface Carrier {
  readonly attempt: LinkAttempt;
  readonly proven: ProvenPeer;
  /** Monotonic time from which its credentials are to be replaced. */
  readonly freshAt: number;
}

const mostSeenDials = 64;
/** An earlier link is listened on this much longer: the other side moves when it has our hello. */
const lingerMs = 2000;
/** A link that lived this long was a good one: the next is dialled at once. */
const stableMs = 30_000;
const noLinks = "no-links";

export class Dialer {
  readonly #options: DialerOptions;
  readonly #failures: Backoff;
  readonly #shortLives: Backoff;
  readonly #ladder: LinkLadder;
  readonly #seen = new Set<string>();
  #attempt: LinkAttempt | undefined;
  /** The open link, which stays while a newer attempt is under way. */
  #open: Carrier | undefined;
  #earlier: (Carrier & { readonly timer: Timer }) | undefined;
  #notBefore = 0;
  #preparing: Preparation | undefined;
  #attempts = 0;
  #lastFailure: LinkFailure | undefined;
  /** Start of the other side that said that it makes no links. */
  #linklessBoot: string | undefined;

  constructor(options: DialerOptions) {
    this.#options = options;
    const { clock, random, settings } = options;
    this.#failures = new Backoff(random, { firstMs: 1000, mostMs: 60_000 });
    this.#shortLives = new Backoff(random, { firstMs: 1000, mostMs: 60_000 });
    this.#ladder = new LinkLadder({
      clock,
      random,
      wantsDirect: settings.policy !== "relay",
      attempt: (purpose) => void this.#improve(purpose),
    });
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  get isDialling(): boolean {
    return this.#attempt !== undefined || this.#preparing !== undefined;
  }

  /** Attempts so far, of both sides. */
  get attempts(): number {
    return this.#attempts;
  }

  /** What the last attempt, or the last link, ended with; undefined when none has. */
  get lastFailure(): LinkFailure | undefined {
    return this.#lastFailure;
  }

  /** The other side said that it makes no links. */
  get peerMakesNone(): boolean {
    return this.#linklessBoot !== undefined && this.#linklessBoot === this.#options.peerBoot();
  }

  /** Starts an attempt, unless one is under way, a link is open, or the last failure is too fresh and `eager` is false. */
  dial(eager = false): void {
    if (this.isOpen || this.isDialling) return;
    if (!eager && (this.#options.clock.monotonic() < this.#notBefore || this.peerMakesNone)) return;
    this.#offer("first");
  }

  /** Takes a signal, already opened and verified to come from the device. */
  onSignal(signal: Signal): void {
    if (signal.to !== this.#options.ownBoot) return;
    const { signal: step, dial } = signal;
    if (step.type === "offer") return this.#onOffer(dial, signal.from, step);
    if (step.type === "bye") return this.#onBye(dial, step.reason);
    if (this.#attempt?.dial === dial) this.#attempt.signal(step);
    else if (this.#preparing?.dial === dial && this.#preparing.signals.length < limits.candidates)
      this.#preparing.signals.push(step);
  }

  /** The network of this machine changed: what failed may work now, and what works may go a better way. */
  onNetwork(): void {
    this.#notBefore = 0;
    this.#failures.reset();
    this.#ladder.onNetwork();
  }

  /** A new session: signals of the one before may be lost. */
  onSession(): void {
    this.#attempt?.sayAgain();
  }

  /** The other side started anew: links to its earlier life lead nowhere, and its failures were those of that life. */
  onRestart(): void {
    const boot = this.#options.peerBoot();
    const error = (): ParleyError => new ParleyError("closed", { message: "The other side started anew." });
    if (this.#preparing !== undefined && this.#preparing.peerBoot !== boot) this.#preparing = undefined;
    this.#dropEarlier();
    for (const attempt of [this.#attempt, this.#open?.attempt])
      if (attempt !== undefined && attempt.peerBoot !== boot) attempt.end(error(), "restarted");
    this.#notBefore = 0;
    this.#failures.reset();
  }

  /** Closes whatever there is. True when the open link, if there was one, had not lived long. */
  close(reason: string): boolean {
    const wasShort = this.#open !== undefined && this.#open.attempt.livedMs < stableMs;
    this.#preparing = undefined;
    this.#dropEarlier();
    for (const attempt of [this.#attempt, this.#open?.attempt]) {
      if (attempt === undefined) continue;
      attempt.sayBye(reason);
      attempt.end(new ParleyError("closed", { message: `The link was closed: ${reason}.` }), linkFailureOf(reason));
    }
    return wasShort;
  }

  #offer(purpose: AttemptPurpose): void {
    const peerBoot = this.#options.peerBoot();
    if (peerBoot === undefined) return;
    const dial = toBase64url(this.#options.random.bytes(16));
    void this.#begin({ role: "offer", purpose, dial, peerBoot, signals: [] });
  }

  /** Tries for a better link beside the open one, which stays until the new one is proven. */
  async #improve(purpose: Exclude<AttemptPurpose, "first">): Promise<void> {
    const open = this.#open;
    if (open === undefined || this.isDialling || !this.#options.canSignal()) return;
    if (await open.attempt.hasBecomeDirect()) this.#onDirect(open.attempt);
    else if (this.#open === open && !this.isDialling) this.#offer(purpose);
  }

  #onDirect(attempt: LinkAttempt): void {
    this.#options.count("link_upgrades", { result: "in-place" });
    if (this.#open?.attempt === attempt) this.#carry(this.#open);
  }

  #onOffer(dial: string, from: string, offer: Preparation["signals"][number]): void {
    if (this.#seen.has(dial)) {
      // The other side has not had the answer yet.
      if (this.#attempt?.dial === dial) this.#attempt.sayAgain();
      return;
    }
    if (this.#seen.size >= mostSeenDials) this.#seen.delete(this.#seen.values().next().value ?? "");
    this.#seen.add(dial);
    const impolite = this.#options.ownDevice > this.#options.peerDevice;
    const own = this.#attempt ?? this.#preparing;
    const isGlare = own?.role === "offer" && this.#attempt?.answered !== true;
    // The other side gives way when it has heard this one's offer, and may not have heard it.
    if (isGlare && impolite) return this.#attempt?.sayAgain();
    this.#attempt?.end(new ParleyError("closed", { message: "Gave way to the other side's offer." }), "gave-way", true);
    this.#attempt = undefined;
    this.#ladder.onOther();
    void this.#begin({ role: "answer", purpose: "first", dial, peerBoot: from, signals: [offer] });
  }

  #onBye(dial: string, reason: string): void {
    const said = new ParleyError("closed", { message: `The other side closed the link: ${reason}.` });
    if (this.#earlier?.attempt.dial === dial) return this.#dropEarlier();
    if (this.#open?.attempt.dial === dial) return this.#open.attempt.end(said, linkFailureOf(reason));
    if (reason !== noLinks || (this.#attempt ?? this.#preparing)?.dial !== dial) return;
    this.#linklessBoot = this.#options.peerBoot();
    this.#attempt?.end(new ParleyError("refused", { message: "The other side makes no links." }), noLinks);
  }

  async #begin(preparation: Preparation): Promise<void> {
    const { iceServers, settings } = this.#options;
    const { role, purpose, signals } = preparation;
    this.#preparing = preparation;
    this.#attempts++;
    this.#options.count("link_attempts", { role, purpose });
    // An offer that comes meanwhile and goes first, or the end, takes its place.
    const isWanted = (): boolean => this.#preparing === preparation;
    try {
      const grant = await iceServers();
      if (!isWanted()) return;
      const all = [...grant.servers, ...(settings.iceServers ?? [])];
      const attempt = this.#create(preparation, grant, purpose === "better" ? withoutTurn(all) : all);
      this.#preparing = undefined;
      this.#attempt = attempt;
      attempt.start(signals);
    } catch (error) {
      if (!isWanted()) return;
      this.#preparing = undefined;
      this.#onFailed(toParleyError(error), "failed");
    }
  }

  #create(preparation: Preparation, grant: IceGrant, servers: IceGrant["servers"]): LinkAttempt {
    const { settings, clock, ownBoot, sendSignal, makeHello, verifyHello, onFrame, onDrain } = this.#options;
    return new LinkAttempt({
      ...preparation,
      ownBoot,
      servers,
      settings,
      clock,
      sendSignal,
      makeHello,
      verifyHello,
      // Another link through TURN is no better than the open one.
      accepts: ({ purpose }, route) => purpose !== "better" || route?.path !== "turn" || !this.isOpen,
      onOpen: (attempt, _, proven) => this.#onOpen({ attempt, proven, freshAt: grant.freshAt }),
      onFrame,
      onDrain: (attempt) => attempt === this.#open?.attempt && onDrain(),
      onDirect: (attempt) => this.#onDirect(attempt),
      onEnded: (attempt, error, failure) => this.#onEnded(attempt, error, failure),
    });
  }

  #onOpen(carrier: Carrier): void {
    const { attempt } = carrier;
    if (this.#attempt === attempt) this.#attempt = undefined;
    const before = this.#open;
    if (before !== undefined) {
      this.#linger(before);
      const [from, to] = [before.attempt.open?.path, attempt.open?.path];
      this.#options.count("link_upgrades", { result: from === "turn" && to === "direct" ? "direct" : "replaced" });
    }
    this.#failures.reset();
    this.#linklessBoot = undefined;
    this.#options.count("links_opened", { path: attempt.open?.path ?? "direct" });
    this.#carry(carrier);
  }

  /** Makes a link the one that is sent on. */
  #carry(carrier: Carrier): void {
    const { open } = carrier.attempt;
    if (open === undefined) return;
    this.#open = carrier;
    if (open.path === "turn") this.#ladder.onTurn(carrier.freshAt);
    else this.#ladder.stop();
    this.#options.onOpen(open, carrier.proven);
  }

  #linger(before: Carrier): void {
    this.#dropEarlier();
    const timer = this.#options.clock.setTimer(lingerMs, () => this.#dropEarlier());
    this.#earlier = { ...before, timer };
  }

  #dropEarlier(): void {
    const earlier = this.#earlier;
    this.#earlier = undefined;
    earlier?.timer.cancel();
    earlier?.attempt.end(new ParleyError("closed", { message: "A newer link took over." }), "replaced", true);
  }

  #onEnded(attempt: LinkAttempt, error: ParleyError, failure: LinkFailure): void {
    if (this.#earlier?.attempt === attempt) return this.#dropEarlier();
    if (this.#open?.attempt === attempt) return this.#onLost(attempt, error, failure);
    if (this.#attempt === attempt) this.#attempt = undefined;
    this.#onFailed(error, failure);
  }

  #onFailed(error: ParleyError, failure: LinkFailure): void {
    this.#options.count("link_failures", { reason: failure });
    // What came to nothing beside an open link is nobody's business.
    if (this.isOpen) return;
    this.#lastFailure = failure;
    this.#notBefore = Math.max(this.#notBefore, this.#options.clock.monotonic() + this.#failures.next());
    this.#options.onClosed(error, false);
  }

  #onLost(attempt: LinkAttempt, error: ParleyError, failure: LinkFailure): void {
    this.#options.count("links_closed", { reason: failure });
    this.#open = undefined;
    this.#ladder.stop();
    const earlier = this.#earlier;
    if (earlier?.attempt.isOpen === true) {
      earlier.timer.cancel();
      this.#earlier = undefined;
      return this.#carry(earlier);
    }
    this.#lastFailure = failure;
    this.#pauseAfter(attempt);
    this.#options.onClosed(error, true);
  }

  /** The next link is dialled at once, unless several in a row did not last. */
  #pauseAfter({ livedMs }: LinkAttempt): void {
    if (livedMs >= stableMs) this.#shortLives.reset();
    if (this.#lastFailure === "idle") return;
    const isFirst = this.#shortLives.tries === 0;
    const pause = this.#shortLives.next();
    this.#notBefore = isFirst ? 0 : this.#options.clock.monotonic() + pause;
  }
}

function withoutTurn(servers: readonly IceServer[]): readonly IceServer[] {
  return servers
    .map((server) => ({ ...server, urls: server.urls.filter((url) => url.startsWith("stun")) }))
    .filter(({ urls }) => urls.length > 0);
}
