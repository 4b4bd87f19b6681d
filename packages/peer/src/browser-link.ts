/**
 * Links in the browser, and on any other stack with the W3C interfaces. Published as `@parley/peer/browser`.
 *
 * Same contract as in Node. ICE restart is not used, so that both adapters fail and recover alike.
 */
import type { Link, LinkCallbacks, LinkFactory, LinkOptions, LinkRoute, LinkSignal } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { channelId, channelLabel, highWaterBytes, lowWaterBytes, maxBufferedBytes } from "./channel.ts";
import { GuardedCallbacks, type ReportError, throwLater } from "./guarded-callbacks.ts";
import { Negotiation, type RemoteCandidate } from "./negotiation.ts";
import { RouteWatch } from "./route-watch.ts";
import { type DescriptionType, readFingerprint } from "./sdp.ts";
import { routeOf } from "./stats-route.ts";

/** The constructor of a W3C WebRTC stack. */
export type PeerConnectionConstructor = new (configuration: RTCConfiguration) => RTCPeerConnection;

export interface BrowserLinkFactoryOptions {
  /** Default: the global `RTCPeerConnection`, looked up when a link starts. */
  readonly PeerConnection?: PeerConnectionConstructor;
  /** Where errors thrown in the owner's callbacks go. Default: an uncaught error. */
  readonly reportError?: ReportError;
}

/** Makes links on RTCPeerConnection. `bindAddress` and `portRange` have no counterpart there and are ignored. */
export class BrowserLinkFactory implements LinkFactory {
  readonly #options: BrowserLinkFactoryOptions;
  readonly #links = new Set<BrowserLink>();
  #closed = false;

  constructor(options: BrowserLinkFactoryOptions = {}) {
    this.#options = options;
  }

  /** Throws `closed` after `close`. */
  create(options: LinkOptions, callbacks: LinkCallbacks): Link {
    if (this.#closed) throw new ParleyError("closed", { message: "The link factory is closed." });
    const guarded = new GuardedCallbacks(callbacks, this.#options.reportError ?? throwLater);
    const start = () => new (this.#options.PeerConnection ?? globalThis.RTCPeerConnection)(configurationOf(options));
    const link: BrowserLink = new BrowserLink(options, guarded, start, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }

  /** Browsers tell when they are back on a network, and some also when it is another one. */
  watchNetwork(onChange: () => void): () => void {
    const { navigator } = globalThis as { readonly navigator?: { readonly connection?: EventTarget } };
    // Outside the browser there is no such target, and nothing to be told.
    const targets = [
      { target: globalThis.addEventListener === undefined ? undefined : globalThis, type: "online" },
      { target: navigator?.connection, type: "change" },
    ] as const;
    for (const { target, type } of targets) target?.addEventListener(type, onChange);
    return () => {
      for (const { target, type } of targets) target?.removeEventListener(type, onChange);
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links) link.close();
    // Each `onClosed` is a microtask queued before this promise settles.
    return Promise.resolve();
  }
}

class BrowserLink implements Link {
  readonly #options: LinkOptions;
  readonly #callbacks: GuardedCallbacks;
  readonly #start: () => RTCPeerConnection;
  readonly #onEnd: () => void;
  readonly #negotiation = new Negotiation();
  #connection: RTCPeerConnection | undefined;
  #channel: RTCDataChannel | undefined;
  #routes: RouteWatch | undefined;
  #localFingerprint: string | undefined;
  #maxMessageBytes = 0;
  #open = false;
  #paused = false;

  constructor(options: LinkOptions, callbacks: GuardedCallbacks, start: () => RTCPeerConnection, onEnd: () => void) {
    this.#options = options;
    this.#callbacks = callbacks;
    this.#start = start;
    this.#onEnd = onEnd;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get bufferedBytes(): number {
    return this.#channel?.bufferedAmount ?? 0;
  }

  get binding(): { readonly local: string; readonly remote: string } | undefined {
    const local = this.#localFingerprint;
    const remote = this.#negotiation.remoteFingerprint;
    return this.#open && local !== undefined && remote !== undefined ? { local, remote } : undefined;
  }

  offer(): void {
    if (this.#callbacks.ended || !this.#negotiation.offer()) return;
    this.#attempt("failed", async () => {
      const connection = this.#connect();
      await this.#describeLocally(connection, "offer");
    });
  }

  signal(signal: LinkSignal): void {
    if (this.#callbacks.ended) return;
    const step = this.#negotiation.take(signal);
    if (step.do === "close") this.#end("bad-signal");
    if (step.do === "add") this.#attempt("bad-signal", () => this.#addCandidate(step.candidate));
    if (step.do === "describe") this.#attempt("bad-signal", () => this.#describe(step.type, step.sdp));
  }

  send(bytes: Uint8Array): boolean {
    const channel = this.#channel;
    if (!this.#open || channel === undefined) return false;
    if (bytes.byteLength > this.#maxMessageBytes) {
      throw new ParleyError("too_large", {
        message: `A message on this link has at most ${this.#maxMessageBytes} bytes.`,
      });
    }
    try {
      channel.send(bytes as Uint8Array<ArrayBuffer>);
    } catch {
      // Closing already, or the browser's own buffer is full: either way nothing more goes out.
      this.#end("send-failed");
      return false;
    }
    const buffered = channel.bufferedAmount;
    if (buffered <= highWaterBytes) return true;
    this.#paused = true;
    if (buffered > maxBufferedBytes) this.#end("send-overflow");
    return false;
  }

  async route(): Promise<LinkRoute | undefined> {
    if (!this.#open || this.#connection === undefined) return undefined;
    const stats = await this.#connection.getStats();
    return routeOf(stats, (address, port) => this.#negotiation.isRemoteRelay(address, port));
  }

  close(): void {
    this.#end("closed");
  }

  #connect(): RTCPeerConnection {
    const connection = this.#start();
    this.#connection = connection;
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null || candidate.candidate === "") return;
      this.#callbacks.signal({ type: "candidate", candidate: candidate.candidate, mid: candidate.sdpMid ?? "0" });
    };
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "failed")
        this.#end(connection.iceConnectionState === "failed" ? "ice-failed" : "dtls-failed");
      if (connection.connectionState === "closed") this.#end("remote-closed");
    };
    // The one channel is not announced, so an announced one is a peer that breaks the rules.
    connection.ondatachannel = () => this.#end("unexpected-channel");
    this.#useChannel(connection.createDataChannel(channelLabel, { negotiated: true, id: channelId, ordered: true }));
    return connection;
  }

  #useChannel(channel: RTCDataChannel): void {
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = lowWaterBytes;
    channel.onopen = () => this.#onOpen();
    channel.onmessage = (event: MessageEvent<unknown>) => this.#onMessage(event.data);
    channel.onbufferedamountlow = () => this.#onLow();
    channel.onclose = () => this.#end("remote-closed");
  }

  async #describe(type: DescriptionType, sdp: string): Promise<void> {
    const connection = this.#connection ?? this.#connect();
    await connection.setRemoteDescription({ type, sdp });
    if (type === "offer") await this.#describeLocally(connection, "answer");
    const held = this.#negotiation.release();
    await Promise.all(held.map((candidate) => this.#addCandidate(candidate)));
  }

  async #describeLocally(connection: RTCPeerConnection, type: DescriptionType): Promise<void> {
    const description = type === "offer" ? await connection.createOffer() : await connection.createAnswer();
    const sdp = description.sdp ?? "";
    this.#localFingerprint = readFingerprint(sdp);
    if (this.#localFingerprint === undefined) throw new Error("no fingerprint in the local description");
    // Sent first: candidates start to come while the description is being applied, and belong after it.
    const applied = connection.setLocalDescription({ type, sdp });
    this.#callbacks.signal({ type, sdp });
    await applied;
  }

  async #addCandidate({ candidate, mid }: RemoteCandidate): Promise<void> {
    if (this.#callbacks.ended) return;
    await this.#connection?.addIceCandidate({ candidate, sdpMid: mid });
  }

  #onOpen(): void {
    if (this.#open || this.#callbacks.ended) return;
    this.#maxMessageBytes = Math.min(this.#options.maxMessageBytes, this.#negotiation.remoteMaxMessageBytes);
    this.#open = true;
    this.#routes = new RouteWatch(
      () => this.route(),
      (route) => this.#callbacks.route(route),
    );
    this.#callbacks.open();
  }

  #onMessage(data: unknown): void {
    if (!this.#open) this.#onOpen();
    // Stacks outside the browser may hand out views, and views of another realm.
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : toBytes(data);
    if (bytes === undefined || bytes.byteLength > this.#options.maxMessageBytes) this.#end("bad-message");
    else this.#callbacks.message(bytes);
  }

  #onLow(): void {
    if (!this.#paused || this.bufferedBytes > lowWaterBytes) return;
    this.#paused = false;
    this.#callbacks.drain();
  }

  /** Runs a step that rejects on bad input. What fails after the link has ended is of no interest. */
  #attempt(reason: string, run: () => Promise<void>): void {
    // Inside an async function, so that what is thrown at once rejects too.
    const step = (async () => run())();
    step.catch(() => this.#end(reason));
  }

  #end(reason: string): void {
    if (!this.#callbacks.end(reason)) return;
    this.#open = false;
    this.#onEnd();
    this.#routes?.stop();
    this.#channel?.close();
    this.#connection?.close();
  }
}

function toBytes(data: unknown): Uint8Array | undefined {
  const isBuffer = Object.prototype.toString.call(data) === "[object ArrayBuffer]";
  return isBuffer ? new Uint8Array(data as ArrayBuffer) : undefined;
}

function configurationOf(options: LinkOptions): RTCConfiguration {
  return {
    iceServers: options.iceServers.map((server) => ({
      urls: [...server.urls],
      ...(server.username === undefined ? {} : { username: server.username }),
      ...(server.credential === undefined ? {} : { credential: server.credential }),
    })),
    iceTransportPolicy: options.policy ?? "all",
  };
}
