/**
 * A device's session with its registry node: connects, proves itself, asks, hears pushes, comes back after a break. The
 * same code in Node and the browser.
 */
import { Backoff, type Clock, type MeshTrust, type Random, type Timer } from "@parley/core";
import {
  afterClose,
  decodeNodeMessage,
  type ErrorCode,
  errorCodeOfClose,
  errorTable,
  type FrameResult,
  limits,
  ParleyError,
  postBatchKind,
  type PushMessage,
  type ReplyBody,
  type ReplyMessage,
  type RequestBody,
  requestTable,
  type RequestType,
  sessionPath,
  sessionProtocol,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import type { SessionState } from "./device-api.ts";
import type { LogLine } from "./device-options.ts";
import type { Identity } from "./identity.ts";
import { RegistryClock } from "./registry-clock.ts";
import { acceptWelcome, answerChallenge, type Proof, type ProofInput, type Welcome } from "./session-handshake.ts";
import { type Connect, platformSocket, type SocketLike } from "./socket-like.ts";

/** What a session tells its owner. */
interface SessionEvents {
  /** Something came. False when it must not be taken, because this session is over. */
  readonly onHeard: () => boolean;
  readonly onState: (state: SessionState, error?: ParleyError, retryInMs?: number) => void;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onPush: (push: Exclude<PushMessage, { type: "frame.results" }>) => void;
  readonly onDelivery: (bytes: Uint8Array) => void;
  /** Posts of a channel. */
  readonly onPosts?: (bytes: Uint8Array) => void;
}

export interface SessionOptions {
  readonly identity: () => Identity;
  readonly registry: string;
  readonly trust: MeshTrust;
  readonly boot: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LogLine;
  readonly events: SessionEvents;
  /** Whether an operator, or the node, lets this member write nothing now. */
  readonly isSilenced: () => boolean;
  /** Default: the platform's WebSocket. */
  readonly connect?: Connect | undefined;
}

interface Waiter {
  readonly type: RequestType;
  /** Monotonic time. */
  readonly asked: number;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: ParleyError) => void;
  readonly timer: Timer;
}

/** A proof on its way, and the monotonic time when it left. */
interface SentProof extends Proof {
  readonly sentAt: number;
}

const requestTimeoutMs = 30_000;
/** Pauses between two renewals of the lease, at least, and after one that failed. */
const leastRenewalMs = 1000;
const renewAgainMs = 60_000;
/** Silence after which the node is asked whether it is still there, and how long it may take to answer. */
const silenceMs = 20_000;
const answerMs = 10_000;
const leastBeatMs = 100;
/** Bytes waiting in the socket above which frames wait. */
const socketHighWater = 1024 * 1024;
const socketPollMs = 5;

export class Session {
  readonly #options: SessionOptions;
  readonly #backoff: Backoff;
  readonly #registryClock: RegistryClock;
  readonly #waiters = new Map<number, Waiter>();
  readonly #frames = new Map<string, (result: FrameResult) => void>();
  #socket: SocketLike | undefined;
  #phase: "closed" | "challenge" | "welcome" | "open" = "closed";
  #state: SessionState = "stopped";
  #nextId = 1;
  #retry: Timer | undefined;
  #renewal: Timer | undefined;
  #heartbeat: Timer | undefined;
  #heardAt = 0;
  #answeredAt = 0;
  #welcome: Welcome | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#registryClock = new RegistryClock(options.clock);
  }

  get state(): SessionState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Whether frames may be sent: the session is open, and nobody silenced this member. */
  get carries(): boolean {
    return this.isOpen && !this.#options.isSilenced();
  }

  /** The newest welcome, kept through an outage. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** The node's key is certified anew: peers are shown this from now on. It was verified. */
  recertify(certificate: string): void {
    if (this.#welcome !== undefined) this.#welcome = { ...this.#welcome, certificate };
  }

  /** Milliseconds since 1970 by the registry's clock, as last heard. */
  get registryTime(): number {
    return this.#registryClock.time;
  }

  /** Monotonic time of the newest question that was answered: whatever came after the answer was said later than that. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  /** Time that passed at the registry and not on this machine's monotonic clock, which stands still in a sleep, in ms. */
  get missedMs(): number {
    return this.#registryClock.missedMs;
  }

  start(): void {
    if (this.#state === "stopped") this.#connect();
  }

  /** Begins anew at once: what the present connection says, or a pause before the next, is of no use any more. */
  restart(): void {
    if (this.#state === "stopped") return;
    const socket = this.#socket;
    this.#backoff.reset();
    if (socket !== undefined)
      return this.#fail(socket, new ParleyError("unreachable", { message: "The session broke off in a sleep." }));
    this.#retry?.cancel();
    this.#connect();
  }

  stop(): void {
    this.#retry?.cancel();
    this.#setState("stopped");
    // Let go of first: a welcome that is being verified must not open the session again.
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#drop(new ParleyError("closed"));
  }

  /** Asks the node. Rejects with the node's error, `not_connected` while there is no session, `timeout` or `limit_reached`. */
  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> {
    const socket = this.#socket;
    if (this.#phase !== "open" || socket === undefined)
      return Promise.reject(
        new ParleyError("unreachable", { message: "The registry is not connected at the moment." }),
      );
    if (this.#waiters.size >= limits.pendingRequests) return Promise.reject(new ParleyError("limit_reached"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(requestTimeoutMs, () =>
        this.#settle(id)?.reject(
          new ParleyError("timeout", { message: `The registry did not answer ${type} in time.` }),
        ),
      );
      const asked = this.#options.clock.monotonic();
      this.#waiters.set(id, { type, asked, resolve: (reply) => resolve(reply as ReplyBody<Type>), reject, timer });
      socket.send(JSON.stringify({ id, type, body }));
    });
  }

  /** Hands a routed frame to the node, once the socket has room; `result` says what became of it. Rejects without a session. */
  async sendFrame(frameId: string, bytes: Uint8Array<ArrayBuffer>): Promise<{ readonly result: Promise<FrameResult> }> {
    while (this.#isFull) await this.#pause();
    const socket = this.#openSocket();
    const { promise: result, resolve } = Promise.withResolvers<FrameResult>();
    this.#frames.set(frameId, resolve);
    socket.send(bytes);
    return { result };
  }

  /** Hands a post to the node, once the socket has room; `post.results` says what became of it. Rejects without a session. */
  async sendPost(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    while (this.#isFull) await this.#pause();
    this.#openSocket().send(bytes);
  }

  get #isFull(): boolean {
    return this.isOpen && (this.#socket?.bufferedAmount ?? 0) > socketHighWater;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setTimer(socketPollMs, resolve));
  }

  #openSocket(): SocketLike {
    const socket = this.#socket;
    if (!this.isOpen || socket === undefined)
      throw new ParleyError("unreachable", { message: "The registry is not connected at the moment." });
    return socket;
  }

  #renewIn(pauseMs: number): void {
    this.#renewal = this.#options.clock.setTimer(Math.max(pauseMs, leastRenewalMs), () => void this.#renewLease());
  }

  /** Half-way through its life the lease is renewed: links are opened with it, and a session may outlast it. */
  async #renewLease(): Promise<void> {
    const { trust, identity, clock, log } = this.#options;
    const before = this.#welcome;
    if (before === undefined) return;
    let held = before;
    let pauseMs = renewAgainMs;
    try {
      const { lease, node: certificate = before.certificate } = await this.request("lease.renew", {});
      const { member, device } = identity();
      const { expires } = await trust.verifyLease(lease, before.nodeKey, { member, device: device.id });
      const renewed = certificate !== before.certificate;
      if (renewed && (await trust.verifyNode(certificate)).key !== before.nodeKey)
        throw new ParleyError("registry_key_mismatch");
      if (this.#welcome !== before) return;
      held = { ...before, lease, leaseExpires: expires, certificate };
      this.#welcome = held;
      pauseMs = (expires - clock.now()) / 2;
    } catch (error) {
      log("warn", "lease", { code: toParleyError(error).code });
    }
    if (this.#phase === "open" && this.#welcome === held) this.#renewIn(pauseMs);
  }

  #beatIn(pauseMs: number): void {
    this.#heartbeat = this.#options.clock.setTimer(pauseMs, () => void this.#beat());
  }

  /** A connection whose other end vanished says nothing for ever: a node that does not answer is given up. */
  async #beat(): Promise<void> {
    const { clock } = this.#options;
    const silence = clock.monotonic() - this.#heardAt;
    if (silence < silenceMs) return this.#beatIn(Math.max(silenceMs - silence, leastBeatMs));
    const socket = this.#socket;
    const asked = clock.monotonic();
    this.#heartbeat = clock.setTimer(answerMs, () => {
      if (socket === undefined) return;
      if (this.#heardAt < asked)
        return this.#fail(socket, new ParleyError("unreachable", { message: "The registry went silent." }));
      this.#beatIn(silenceMs);
    });
    await this.#measure();
  }

  /** Asks for the registry's time, which runs on without this machine's wall clock. */
  async #measure(): Promise<void> {
    const { clock } = this.#options;
    const asked = clock.monotonic();
    try {
      const { time } = await this.request("ping", {});
      this.#registryClock.note(time, asked);
    } catch {
      // The session has ended, or will.
    }
  }

  #setState(state: SessionState, error?: ParleyError, retryInMs?: number): void {
    this.#state = state;
    this.#options.events.onState(state, error, retryInMs);
  }

  #connect(): void {
    this.#setState("connecting");
    const url = new URL(sessionPath, this.#options.registry);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.#options.connect ?? platformSocket)(url.href, sessionProtocol);
    this.#socket = socket;
    this.#phase = "challenge";
    const timeout = this.#options.clock.setTimer(limits.handshakeMs, () => {
      if (this.#socket === socket && this.#phase !== "open")
        this.#fail(
          socket,
          new ParleyError("timeout", { message: "The registry did not answer the handshake in time." }),
        );
    });
    let proof: SentProof | undefined;
    let handshake = Promise.resolve();
    socket.addEventListener("message", (event) => {
      if (this.#socket !== socket || !this.#options.events.onHeard()) return;
      if (this.#phase === "open") return this.#onMessage(socket, event.data);
      // One step after the other, and none after a failure.
      handshake = handshake.then(async () => {
        if (this.#socket !== socket) return;
        if (this.#phase === "open") return this.#onMessage(socket, event.data);
        proof = await this.#handshake(socket, event.data, proof);
      });
      handshake = handshake.catch((error: unknown) => this.#fail(socket, toParleyError(error)));
    });
    socket.addEventListener("close", (event) => {
      timeout.cancel();
      void handshake.then(() => this.#onClose(socket, event.code));
    });
    socket.addEventListener("error", () => {});
  }

  async #handshake(socket: SocketLike, data: unknown, proof: SentProof | undefined): Promise<SentProof | undefined> {
    if (typeof data !== "string")
      throw new ParleyError("malformed_frame", { message: "The registry spoke out of turn." });
    const { identity, trust, boot, clock, random } = this.#options;
    const input: ProofInput = {
      identity: identity(),
      trust,
      boot,
      nonce: toBase64url(random.bytes(16)),
      now: clock.now(),
    };
    if (proof === undefined) {
      const answer = await answerChallenge(data, input);
      const sentAt = clock.monotonic();
      socket.send(answer.text);
      return { ...answer, sentAt };
    }
    const welcome = await acceptWelcome(data, proof, input);
    if (this.#socket !== socket) return proof;
    this.#registryClock.note(welcome.statement.time, proof.sentAt);
    this.#answeredAt = proof.sentAt;
    this.#welcome = welcome;
    this.#phase = "open";
    this.#renewIn((welcome.leaseExpires - clock.now()) / 2);
    this.#beatIn(silenceMs);
    this.#backoff.reset();
    this.#setState("connected");
    this.#options.events.onWelcome(welcome);
    return proof;
  }

  #onMessage(socket: SocketLike, data: unknown): void {
    this.#heardAt = this.#options.clock.monotonic();
    if (data instanceof ArrayBuffer) return this.#onBytes(new Uint8Array(data));
    const message = decodeNodeMessage(typeof data === "string" ? data : "");
    if (!message.ok)
      return this.#fail(
        socket,
        new ParleyError(message.code, {
          message: `The registry sent something that is no message: ${message.message}`,
        }),
      );
    if ("reply" in message.value) return this.#onReply(message.value.reply);
    if ("unknown" in message.value) return;
    const { push } = message.value;
    if (push.type === "frame.results") {
      for (const result of push.body.results) {
        const settle = this.#frames.get(result.frame);
        this.#frames.delete(result.frame);
        settle?.(result);
      }
      if (push.body.results.some(({ error }) => error?.code === "expired")) void this.#measure();
      return;
    }
    this.#options.events.onPush(push);
  }

  #onBytes(bytes: Uint8Array): void {
    const { onDelivery, onPosts } = this.#options.events;
    if (bytes[0] === postBatchKind) onPosts?.(bytes);
    else onDelivery(bytes);
  }

  #onReply({ re, body, error }: ReplyMessage): void {
    const waiter = this.#settle(re);
    if (waiter === undefined) return;
    this.#answeredAt = Math.max(this.#answeredAt, waiter.asked);
    if (error !== undefined) {
      waiter.reject(
        new ParleyError(error.code, {
          message: error.message,
          ...(error.data === undefined ? {} : { data: error.data }),
        }),
      );
      return;
    }
    const parsed = requestTable[waiter.type].reply.safeParse(body);
    if (parsed.success) waiter.resolve(parsed.data);
    else
      waiter.reject(
        new ParleyError("malformed_frame", {
          message: `The registry's answer to ${waiter.type} is not of the documented form.`,
        }),
      );
  }

  #settle(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    waiter?.timer.cancel();
    return waiter;
  }

  /** Ends a connection from this side because of what the other side did. */
  #fail(socket: SocketLike, error: ParleyError): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    // In order is only the end of a device that gave up its inbox before (RFC 6455 section 7.4.1 leaves 3000 to 4999 to us).
    socket.close(errorTable[error.code].close);
    this.#comeBack(error, error.retryable ? "retry" : "stop");
  }

  #onClose(socket: SocketLike, code: number): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (this.#state === "stopped") return;
    const known: ErrorCode = errorCodeOfClose(code) ?? (this.#phase === "open" ? "closed" : "unreachable");
    const error =
      known === "unreachable"
        ? new ParleyError("unreachable", {
            message: `No registry answers at ${this.#options.registry}; is it running?`,
          })
        : new ParleyError(known);
    this.#comeBack(error, afterClose(code));
  }

  #comeBack(error: ParleyError, how: "retry" | "renew" | "stop"): void {
    this.#drop(error);
    if (how === "stop") return this.#setState("stopped", error);
    const pause = this.#backoff.next();
    this.#setState("waiting", error, pause);
    this.#retry = this.#options.clock.setTimer(pause, () => {
      if (this.#state === "waiting") this.#connect();
    });
  }

  /** Everything that waited for this connection learns that it is gone. */
  #drop(error: ParleyError): void {
    this.#phase = "closed";
    this.#renewal?.cancel();
    this.#heartbeat?.cancel();
    for (const id of this.#waiters.keys()) this.#settle(id)?.reject(error);
    const frames = [...this.#frames];
    this.#frames.clear();
    for (const [frame, settle] of frames)
      settle({
        frame,
        state: "refused",
        error: { code: "closed", message: "The session broke before the registry answered." },
      });
  }
}
