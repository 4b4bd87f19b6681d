import type { Clock } from "@parley/core";
import type { Via } from "@parley/protocol";
import { WebSocket } from "ws";

import type { DoorBounds } from "./bounds.ts";
import type { ClientKey } from "./client-key.ts";
import type { DoorChannel } from "./door-channel.ts";
import { Rate } from "./rate.ts";
import { Refusal } from "./refusal.ts";
import { encodeServerMessage, type ServerMessage } from "./server-message.ts";

/** A WebSocket that says why before it closes because of what came: a message that is too large, or no text. */
export class TellingSocket extends WebSocket {
  tell: ((code: number) => void) | undefined;

  /** The receiving half closes with a code and no reason. */
  override close(code?: number, data?: string | Buffer): void {
    if (code !== undefined && data === undefined && this.readyState === this.OPEN) this.tell?.(code);
    super.close(code, data);
  }
}

export interface ClientSettings {
  readonly clock: Clock;
  readonly bounds: DoorBounds;
  /** MSGs a second, and their burst. */
  readonly rate: number;
  readonly burst: number;
}

export interface Challenge {
  readonly id: string;
  readonly nonce: string;
  /** By `monotonic`. */
  readonly expires: number;
}

/** One connection of a door client and what is known of it. */
export class DoorClient {
  readonly address: string;
  /** It may stay without a proof: it asks from this machine. */
  readonly isLocal: boolean;
  /** The door token of its header. */
  readonly bearer: string | undefined;
  readonly channels = new Map<string, DoorChannel>();
  /** Empty until it has one. */
  id = "";
  name = "";
  key: ClientKey | undefined;
  standing: Via["standing"] = "keyless";
  /** Id of the door token that it came in with. */
  token: string | undefined;
  /** Its proven key is a member's. Asked of those from elsewhere who have no door token. */
  isMember = false;
  challenge: Challenge | undefined;
  /** It has sent IDENTIFY, and waits to get its id. */
  isPending = false;
  channelsMade = 0;
  readonly talk: Rate;
  readonly acts: Rate;
  readonly opened: number;
  readonly #messages: Rate;
  readonly #refusals: Rate;
  readonly #settings: ClientSettings;
  readonly #socket: TellingSocket;
  #heard: number;
  #pinged: number;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(
    socket: TellingSocket,
    arrival: { readonly address: string; readonly isLocal: boolean; readonly bearer: string | undefined },
    settings: ClientSettings,
  ) {
    this.#socket = socket;
    this.#settings = settings;
    this.address = arrival.address;
    this.isLocal = arrival.isLocal;
    this.bearer = arrival.bearer;
    const { bounds } = settings;
    const now = settings.clock.monotonic();
    this.opened = now;
    this.#heard = now;
    this.#pinged = now;
    this.talk = new Rate(settings.rate, settings.burst, now);
    this.acts = new Rate(bounds.actsPerSecond, bounds.actsBurst, now);
    this.#messages = new Rate(bounds.messagesPerSecond, bounds.messagesBurst, now);
    this.#refusals = new Rate(bounds.refusalsPerSecond, bounds.refusalsBurst, now);
    socket.tell = (code) => this.#tell(code);
    socket.on("pong", () => this.hear());
  }

  /** It has its id and may act. */
  get isIn(): boolean {
    return this.id !== "";
  }

  /** It comes from elsewhere, and has no door token: a key has to be its word. */
  get needsMemberKey(): boolean {
    return !this.isLocal && this.token === undefined;
  }

  /** It came in by the mesh's word, not just because it is at this machine. */
  get isAdmitted(): boolean {
    return this.token !== undefined || this.isMember;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get atId(): string {
    return `@${this.id}`;
  }

  /** Whether it spoke since a time of `monotonic`. */
  hasSpokenSince(time: number): boolean {
    return this.#heard > time;
  }

  hear(): void {
    this.#heard = this.#settings.clock.monotonic();
  }

  /** Counts a message of whatever type. Throws RATE_LIMITED. */
  admit(): void {
    if (!this.#messages.take(this.#settings.clock.monotonic()))
      throw new Refusal("RATE_LIMITED", "Too many messages; slow down.");
  }

  /** Does what a message asks for when what came before it is done; nothing more is read while too much waits. */
  enqueue(work: () => Promise<void>): void {
    if (++this.#waiting >= this.#settings.bounds.pendingMessages) this.#socket.pause();
    this.#last = this.#after(this.#last, work);
  }

  send(message: ServerMessage): void {
    this.sendText(encodeServerMessage(message, this.#settings.clock.now()));
  }

  /** Sends what was encoded. */
  sendText(text: string): void {
    if (this.#hasRoom()) this.#socket.send(text, ignore);
  }

  pong(data: Buffer): void {
    if (this.#hasRoom()) this.#socket.pong(data, false, ignore);
  }

  /** Says why something was not done. Ends the connection when the refusal says so, or after too many. */
  refuse(refusal: Refusal): void {
    this.send({ type: "ERROR", code: refusal.code, message: refusal.message });
    if (refusal.closes || !this.#refusals.take(this.#settings.clock.monotonic())) this.close(1008, refusal.code);
  }

  close(code: number, reason: string): void {
    this.#socket.resume();
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Pings at its time, and cuts off what was not heard for long. */
  beat(now: number): void {
    const { pingMs, deadMs } = this.#settings.bounds;
    // What is not read shows no life, and is not the client's fault.
    if (this.#socket.isPaused) this.#heard = now;
    if (now - this.#heard >= deadMs) this.#socket.terminate();
    else if (now - this.#pinged >= pingMs) this.ping(now);
  }

  ping(now: number): void {
    this.#pinged = now;
    if (this.isOpen) this.#socket.ping(undefined, undefined, ignore);
  }

  /** Whether something may be sent. Whoever does not read what it gets is cut off. */
  #hasRoom(): boolean {
    if (!this.isOpen) return false;
    if (this.#socket.bufferedAmount <= this.#settings.bounds.unsentBytes) return true;
    this.#socket.terminate();
    return false;
  }

  async #after(earlier: Promise<void>, work: () => Promise<void>): Promise<void> {
    await earlier;
    await work();
    if (--this.#waiting < this.#settings.bounds.pendingMessages / 2) this.#socket.resume();
  }

  #tell(code: number): void {
    const { cutBytes } = this.#settings.bounds;
    const message =
      code === 1009 ? `A message has more than ${cutBytes} bytes.` : "What came is not a text message of WebSocket.";
    this.send({ type: "ERROR", code: "INVALID_MSG", message });
  }
}

/** A failed write shows as the socket's close. */
function ignore(): void {
  // Nothing to do.
}
