/**
 * One link on node-datachannel (libdatachannel).
 *
 * What the library does not do, links do not offer: no ICE restart, no TURN over TCP or TLS. A link that is open keeps
 * the process alive, as a socket does.
 */
import type { Link, LinkOptions, LinkRoute, LinkSignal } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { type DataChannel, PeerConnection, type RtcConfig } from "node-datachannel";

import type { AnsweringRole } from "./answering-role.ts";
import type { CandidateGate } from "./candidate-gate.ts";
import { channelId, channelLabel, highWaterBytes, lowWaterBytes, maxBufferedBytes } from "./channel.ts";
import { CheckOrder } from "./check-order.ts";
import type { GuardedCallbacks } from "./guarded-callbacks.ts";
import { nativeIceServers } from "./ice-servers.ts";
import type { NativeLibrary } from "./native-library.ts";
import { Negotiation, type RemoteCandidate } from "./negotiation.ts";
import { RouteWatch } from "./route-watch.ts";
import {
  asksOffererToStartDtls,
  askOffererToStartDtls,
  type DescriptionType,
  readCandidate,
  readFingerprint,
} from "./sdp.ts";

export class NodeLink implements Link {
  readonly #options: LinkOptions;
  readonly #callbacks: GuardedCallbacks;
  readonly #gate: CandidateGate;
  readonly #role: AnsweringRole;
  readonly #library: NativeLibrary;
  readonly #onEnd: () => void;
  readonly #negotiation = new Negotiation();
  #connection: PeerConnection | undefined;
  #channel: DataChannel | undefined;
  #order: CheckOrder | undefined;
  #routes: RouteWatch | undefined;
  /** Set on the side that answers: whether it starts DTLS. */
  #answersAsClient: boolean | undefined;
  #iceConnectedAt = 0;
  #localFingerprint: string | undefined;
  #maxMessageBytes = 0;
  #open = false;
  #paused = false;

  constructor(
    options: LinkOptions,
    callbacks: GuardedCallbacks,
    gate: CandidateGate,
    role: AnsweringRole,
    library: NativeLibrary,
    onEnd: () => void,
  ) {
    this.#options = gate.within(options);
    this.#callbacks = callbacks;
    this.#gate = gate;
    this.#role = role;
    this.#library = library;
    this.#onEnd = onEnd;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get bufferedBytes(): number {
    return this.#channel?.bufferedAmount() ?? 0;
  }

  get binding(): { readonly local: string; readonly remote: string } | undefined {
    const local = this.#localFingerprint;
    const remote = this.#negotiation.remoteFingerprint;
    return this.#open && local !== undefined && remote !== undefined ? { local, remote } : undefined;
  }

  offer(): void {
    if (this.#callbacks.ended || !this.#isUsable() || !this.#negotiation.offer()) return;
    this.#attempt("failed", () => {
      const connection = this.#connect("offer");
      // Creating the channel makes the library write the offer.
      this.#useChannel(connection);
    });
  }

  signal(signal: LinkSignal): void {
    if (this.#callbacks.ended || !this.#isUsable()) return;
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
      // True means that nothing is waiting, so the common case costs one native call. The bytes are copied before it returns.
      if (channel.sendMessageBinary(bytes)) return true;
    } catch {
      // The channel has closed and its callback is on the way.
      return false;
    }
    const buffered = channel.bufferedAmount();
    if (buffered <= highWaterBytes) return true;
    this.#paused = true;
    if (buffered > maxBufferedBytes) this.#end("send-overflow");
    return false;
  }

  route(): Promise<LinkRoute | undefined> {
    const pair = this.#open ? this.#connection?.getSelectedCandidatePair() : undefined;
    if (pair === undefined || pair === null) return Promise.resolve(undefined);
    const { local, remote } = pair;
    const turn =
      local.type === "relay" || remote.type === "relay" || this.#negotiation.isRemoteRelay(remote.address, remote.port);
    return Promise.resolve({
      path: turn ? "turn" : "direct",
      local: describeCandidate(local),
      remote: describeCandidate(remote),
    });
  }

  close(): void {
    this.#end("closed");
  }

  #isUsable(): boolean {
    if (!this.#gate.isUsable) this.#end("no-interface");
    return this.#gate.isUsable;
  }

  #connect(localType: DescriptionType): PeerConnection {
    const connection = new PeerConnection("parley", configurationOf(this.#options));
    this.#connection = connection;
    this.#order = new CheckOrder(localType === "offer");
    this.#library.hold(connection);
    connection.onStateChange((state) => this.#onState(state));
    connection.onIceStateChange((state) => {
      if (state === "connected") this.#iceConnectedAt = performance.now();
    });
    connection.onLocalDescription((sdp, type) => this.#onLocalDescription(sdp, type, localType));
    connection.onLocalCandidate((candidate, mid) => this.#onLocalCandidate(candidate, mid));
    // The one channel is not announced, so an announced one is a peer that breaks the rules.
    connection.onDataChannel(() => this.#end("unexpected-channel"));
    return connection;
  }

  #useChannel(connection: PeerConnection): void {
    const channel = connection.createDataChannel(channelLabel, { negotiated: true, id: channelId, unordered: false });
    this.#channel = channel;
    this.#library.hold(channel);
    channel.setBufferedAmountLowThreshold(lowWaterBytes);
    channel.onOpen(() => this.#onOpen());
    channel.onMessage((message) => this.#onMessage(message));
    channel.onBufferedAmountLow(() => this.#onLow());
    channel.onClosed(() => {
      this.#library.drop(channel);
      this.#end("remote-closed");
    });
  }

  #describe(type: DescriptionType, sdp: string): void {
    const connection = this.#connection ?? this.#connect(type === "offer" ? "answer" : "offer");
    const described = this.#gate.farDescription(sdp);
    const add = (candidate: RemoteCandidate) => this.#attempt("bad-signal", () => this.#addNow(candidate));
    if (type === "offer") {
      this.#answersAsClient = this.#role.isClient;
      if (this.#answersAsClient) this.#order?.onAnswering(add);
      // Applying an offer makes the library write the answer. Its callback cannot run before this function returns, so
      // the channel exists before the other side knows how to reach us.
      connection.setRemoteDescription(this.#answersAsClient ? described : askOffererToStartDtls(described), type);
      this.#useChannel(connection);
    } else connection.setRemoteDescription(described, type);
    for (const candidate of this.#negotiation.release()) this.#addCandidate(candidate);
    if (type === "offer") return;
    const send = (candidate: RemoteCandidate) => this.#callbacks.signal({ type: "candidate", ...candidate });
    this.#order?.onAnswer(send, add, asksOffererToStartDtls(sdp));
  }

  #addCandidate(candidate: RemoteCandidate): void {
    if (this.#gate.passesFar(candidate.candidate) && this.#order?.keepsFar(candidate) !== true) this.#addNow(candidate);
  }

  #addNow({ candidate, mid }: RemoteCandidate): void {
    // libjuice has no ICE over TCP.
    if (readCandidate(candidate)?.transport === "udp") this.#connection?.addRemoteCandidate(candidate, mid);
  }

  #onLocalDescription(sdp: string, type: string, expected: DescriptionType): void {
    if (this.#callbacks.ended || type !== expected || this.#localFingerprint !== undefined) return;
    this.#localFingerprint = readFingerprint(sdp);
    if (this.#localFingerprint === undefined) this.#end("failed");
    this.#callbacks.signal({ type: expected, sdp });
  }

  #onLocalCandidate(text: string, mid: string): void {
    const candidate = { candidate: text.replace(/^a=/, ""), mid };
    if (this.#callbacks.ended || !this.#gate.passesOwn(candidate.candidate)) return;
    if (this.#order?.keepsOwn(candidate) === true) return;
    this.#callbacks.signal({ type: "candidate", ...candidate });
  }

  #onState(state: string): void {
    if (state === "failed") this.#end(this.#connection?.iceState() === "failed" ? "ice-failed" : "dtls-failed");
    if (state !== "closed") return;
    if (this.#connection !== undefined) this.#library.drop(this.#connection);
    this.#end("remote-closed");
  }

  #onOpen(): void {
    if (this.#open || this.#callbacks.ended || this.#connection === undefined) return;
    // The library has compared them; the identities above the link are bound to this value, so it is worth a second look.
    const presented = this.#connection.remoteFingerprint().value.replaceAll(":", "").toLowerCase();
    if (presented !== this.#negotiation.remoteFingerprint) {
      this.#end("fingerprint-mismatch");
      return;
    }
    // The other side may have found an address of ours that nobody told it.
    const met = this.#connection.getSelectedCandidatePair()?.remote.address;
    if (met !== undefined && !this.#gate.passesAddress(met)) {
      this.#end("no-interface");
      return;
    }
    this.#maxMessageBytes = Math.min(this.#options.maxMessageBytes, this.#negotiation.remoteMaxMessageBytes);
    this.#open = true;
    this.#learnRole(performance.now() - this.#iceConnectedAt);
    this.#order?.stop();
    this.#routes = new RouteWatch(
      () => this.route(),
      (route) => this.#callbacks.route(route),
    );
    this.#callbacks.open();
  }

  #learnRole(afterIceMs: number): void {
    const wasClient = this.#answersAsClient;
    if (wasClient !== undefined)
      void this.route().then((route) => this.#role.onOpened(wasClient, route?.path, afterIceMs));
  }

  #onMessage(message: string | Buffer | ArrayBuffer): void {
    // Each native callback has its own way to this thread: the first message can overtake the news that we are open.
    if (!this.#open) this.#onOpen();
    if (typeof message === "string" || message.byteLength > this.#options.maxMessageBytes) {
      this.#end("bad-message");
    } else if (message instanceof ArrayBuffer) {
      this.#callbacks.message(new Uint8Array(message));
    } else {
      // A plain view: `slice` of a Buffer would share memory. The library made the copy for this message alone.
      this.#callbacks.message(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
    }
  }

  #onLow(): void {
    // Late news of an earlier low is no low: the next one will come.
    if (!this.#paused || this.bufferedBytes > lowWaterBytes) return;
    this.#paused = false;
    this.#callbacks.drain();
  }

  /** Runs native calls that throw on bad input. */
  #attempt(reason: string, run: () => void): void {
    try {
      run();
    } catch {
      // On a connection that has failed every call throws; its state callback knows the real reason.
      const state = this.#connection?.state();
      if (state !== "failed" && state !== "closed") this.#end(reason);
    }
  }

  #end(reason: string): void {
    if (!this.#callbacks.end(reason)) return;
    this.#open = false;
    this.#onEnd();
    this.#order?.stop();
    this.#routes?.stop();
    this.#channel?.close();
    this.#connection?.close();
  }
}

function configurationOf(options: LinkOptions): RtcConfig {
  return {
    iceServers: nativeIceServers(options.iceServers),
    iceTransportPolicy: options.policy ?? "all",
    maxMessageSize: options.maxMessageBytes,
    ...(options.bindAddress === undefined ? {} : { bindAddress: options.bindAddress }),
    ...(options.portRange === undefined
      ? {}
      : { portRangeBegin: options.portRange[0], portRangeEnd: options.portRange[1] }),
  };
}

function describeCandidate(candidate: { type: string; transportType: string; address: string; port: number }): string {
  const address = candidate.address.includes(":") ? `[${candidate.address}]` : candidate.address;
  return `${candidate.type} ${candidate.transportType.toLowerCase()} ${address}:${candidate.port}`;
}
