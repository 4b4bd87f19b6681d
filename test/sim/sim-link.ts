/** Links without WebRTC: the same port, over wires, with a network that stalls, breaks and tells one side or none. */
import type { Link, LinkCallbacks, LinkFactory, LinkOptions, LinkRoute, LinkSignal } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import type { Machine } from "./machine.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import { Wire } from "./wire.ts";

/** What stands between two machines, as far as links are concerned. */
interface LinkGround {
  /** By which path two machines can reach each other now. */
  readonly pathBetween: (from: Machine, to: Machine) => "direct" | "turn" | undefined;
  readonly isCut: (from: Machine, to: Machine) => boolean;
}

export interface LinkNetOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly ground: LinkGround;
  readonly delay: () => number;
  /** Buffers are counted as this many times as large. */
  readonly bufferScale: number;
}

const highWater = 262_144;
const lowWater = 65_536;
const overflowBytes = 16 * highWater;
/** Silence after which ICE gives a connection up (RFC 7675, section 5.1). */
const consentMs = 30_000;
const iceTimeoutMs = 9000;

/** All links of a simulated mesh. */
export class LinkNet {
  readonly options: LinkNetOptions;
  readonly #links = new Map<string, SimLink>();

  constructor(options: LinkNetOptions) {
    this.options = options;
  }

  factory(life: Life, machine: Machine): LinkFactory {
    return {
      create: (options, callbacks) => {
        const link = new SimLink(this, life, machine, options, callbacks);
        this.#links.set(link.id, link);
        return link;
      },
      close: async () => {
        for (const link of this.of(life)) link.close();
      },
    };
  }

  find(id: string): SimLink | undefined {
    return this.#links.get(id);
  }

  forget(link: SimLink): void {
    this.#links.delete(link.id);
  }

  of(life: Life): readonly SimLink[] {
    return [...this.#links.values()].filter((link) => link.life === life);
  }

  get open(): readonly SimLink[] {
    return [...this.#links.values()].filter((link) => link.isOpen && link.life.alive);
  }

  get size(): number {
    return this.#links.size;
  }

  /** A process is gone: the other ends hear nothing. */
  lost(life: Life): void {
    for (const link of this.of(life)) link.vanish();
  }

  look(): void {
    for (const link of this.#links.values()) link.look();
  }
}

export class SimLink implements Link {
  readonly id: string;
  readonly life: Life;
  readonly machine: Machine;
  readonly #net: LinkNet;
  readonly #policy: "all" | "relay";
  readonly #callbacks: LinkCallbacks;
  readonly #fingerprint: string;
  #other: SimLink | undefined;
  #path: "direct" | "turn" | undefined;
  #out: Wire | undefined;
  #state: "new" | "connecting" | "open" | "closed" = "new";
  #blocked = false;
  #cutSince: number | undefined;

  constructor(net: LinkNet, life: Life, machine: Machine, options: LinkOptions, callbacks: LinkCallbacks) {
    const { random } = net.options;
    this.id = toBase64url(random.bytes(12));
    this.#fingerprint = Buffer.from(random.bytes(32)).toString("hex");
    this.#net = net;
    this.life = life;
    this.machine = machine;
    this.#policy = options.policy ?? "all";
    this.#callbacks = callbacks;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get path(): "direct" | "turn" | undefined {
    return this.#path;
  }

  get other(): SimLink | undefined {
    return this.#other;
  }

  get bufferedBytes(): number {
    return (this.#out?.bufferedBytes ?? 0) * this.#net.options.bufferScale;
  }

  get binding(): { readonly local: string; readonly remote: string } | undefined {
    return this.#state === "open" && this.#other !== undefined
      ? { local: this.#fingerprint, remote: this.#other.#fingerprint }
      : undefined;
  }

  offer(): void {
    if (this.#state !== "new") return;
    this.#state = "connecting";
    this.#in(1, "link.signal", () => this.#signalOut("offer"));
  }

  signal(signal: LinkSignal): void {
    if (this.#state === "closed" || signal.type === "candidate") return;
    const other = this.#net.find(signal.sdp.slice(4));
    // The other side may be gone by the time its signal comes.
    if (other === undefined) {
      if (signal.type === "offer") this.#state = "connecting";
      return this.#giveUp();
    }
    this.#other = other;
    if (signal.type === "offer") {
      this.#state = "connecting";
      this.#in(1, "link.signal", () => this.#signalOut("answer"));
      this.#giveUp();
    } else this.#connect(other);
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state !== "open" || this.#out === undefined) return false;
    if (bytes.length > 65_536) throw new ParleyError("too_large");
    const other = this.#other;
    const copy = bytes.slice();
    this.#out.send("link.message", copy.length, () => {
      if (other !== undefined) other.#receive(copy);
    });
    const { bufferedBytes } = this;
    if (bufferedBytes > overflowBytes) this.#in(0, "link.overflow", () => this.#end("send-overflow"));
    if (bufferedBytes <= highWater) return true;
    if (!this.#blocked) {
      this.#blocked = true;
      this.#awaitDrain();
    }
    return false;
  }

  async route(): Promise<LinkRoute | undefined> {
    const path = this.#path;
    return path === undefined
      ? undefined
      : { path, local: "host udp 192.0.2.2:5000", remote: "host udp 192.0.2.3:5000" };
  }

  close(): void {
    if (this.#state === "closed") return;
    const other = this.#other;
    const wasOpen = this.#state === "open";
    this.#out?.send("link.close", 0, () => other?.remoteClosed());
    this.#finish("closed");
    if (!wasOpen) this.#net.forget(this);
  }

  /** The path between both ends is gone for good: each side finds out by itself, or is told. */
  breakDown(told: "both" | "one" | "none"): void {
    const { random } = this.#net.options;
    const other = this.#other;
    this.#out?.end();
    if (other !== undefined) other.#out?.end();
    if (told !== "none") this.#in(random.below(500), "link.broken", () => this.#end("ice-failed"));
    else this.#in(consentMs, "link.consent", () => this.#end("ice-failed"));
    if (other === undefined) return;
    const later = told === "both" ? random.below(500) : consentMs;
    other.#in(later, "link.broken", () => other.#end("ice-failed"));
  }

  /** Nothing passes in one direction for a while. */
  stall(on: boolean): void {
    if (this.#out === undefined) return;
    this.#out.stalled = on;
    this.#out.look();
  }

  vanish(): void {
    this.#state = "closed";
    this.#out?.end();
    this.#net.forget(this);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === "open") this.#callbacks.onMessage(bytes);
  }

  remoteClosed(): void {
    this.#end("remote-closed");
  }

  look(): void {
    this.#out?.look();
  }

  #signalOut(type: "offer" | "answer"): void {
    if (this.#state === "closed") return;
    this.#callbacks.onSignal({ type, sdp: `sim ${this.id}` });
    this.#in(2, "link.signal", () => {
      if (this.#state !== "closed") this.#callbacks.onSignal({ type: "candidate", candidate: "host", mid: "0" });
    });
  }

  #connect(other: SimLink): void {
    const { random, ground } = this.#net.options;
    const path = ground.pathBetween(this.machine, other.machine);
    const mayUse = path === "turn" || (path === "direct" && this.#policy === "all" && other.#policy === "all");
    this.#giveUp();
    if (!mayUse || path === undefined || other.#other !== this) return;
    const took = 5 + random.below(120);
    this.#in(took, "link.open", () => this.#open(other, path));
    other.#in(took + random.below(20), "link.open", () => other.#open(this, path));
  }

  #open(other: SimLink, path: "direct" | "turn"): void {
    if (this.#state !== "connecting" || other.#state === "closed" || this.#isCut(other)) return;
    const { scheduler, delay } = this.#net.options;
    this.#state = "open";
    this.#path = path;
    this.#out = new Wire({
      scheduler,
      to: other.life,
      delay,
      isCut: () => other.#state !== "open" || this.#isCut(other),
    });
    this.#callbacks.onOpen();
    // What the other side sent before this one was open.
    other.look();
    this.#watchConsent();
  }

  #isCut(other: SimLink): boolean {
    return this.#net.options.ground.isCut(this.machine, other.machine);
  }

  /** Each side asks the other every few seconds whether it is still there. */
  #watchConsent(): void {
    this.#in(5000, "link.consent", () => {
      const other = this.#other;
      if (this.#state !== "open" || other === undefined) return;
      const now = this.#net.options.scheduler.time;
      const silent = other.#state === "closed" || this.#isCut(other) || other.#isCut(this) || other.life.asleep;
      this.#cutSince = silent ? (this.#cutSince ?? now) : undefined;
      if (this.#cutSince !== undefined && now - this.#cutSince >= consentMs) this.#end("ice-failed");
      else this.#watchConsent();
    });
  }

  #awaitDrain(): void {
    this.#out?.onceDrained(() =>
      this.#in(0, "link.drain", () => {
        if (this.#state !== "open") return;
        if (this.bufferedBytes > lowWater) return this.#awaitDrain();
        this.#blocked = false;
        this.#callbacks.onDrain();
      }),
    );
  }

  #giveUp(): void {
    this.#in(iceTimeoutMs, "link.ice", () => {
      if (this.#state === "connecting") this.#end("ice-failed");
    });
  }

  #end(reason: string): void {
    if (this.#state === "closed") return;
    this.#out?.end();
    this.#finish(reason);
  }

  /** Told once, from a fresh task. */
  #finish(reason: string): void {
    this.#state = "closed";
    this.#in(0, "link.closed", () => {
      this.#net.forget(this);
      this.#callbacks.onClosed(reason);
    });
  }

  #in(delayMs: number, kind: string, run: () => void): void {
    this.#net.options.scheduler.in(delayMs, this.life, kind, run);
  }
}
