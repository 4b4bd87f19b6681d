/** Direct messages: out by the durable or the live stream, in from the inbox or live, to one handler. */
import type { Clock } from "@parley/core";
import { splitBody } from "@parley/core";
import {
  decodeJson,
  directMessageSchema,
  type Envelope,
  envelopeId,
  envelopeKinds,
  limits,
  ParleyError,
  toParleyError,
} from "@parley/protocol";

import { messageBody } from "./blobs/message-attachments.ts";
import { textOf } from "./body.ts";
import type { IncomingMessage, SendOptions, Sent } from "./delivery.ts";
import type { Directory } from "./directory.ts";
import type { Failure, InboxLanes, Waiting } from "./inbox-lanes.ts";
import type { LinkOpener } from "./link-opener.ts";
import type { MemberView } from "./member-view.ts";
import type { DeviceMetrics } from "./metrics.ts";
import { allowsLinks } from "./path-rules.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { LiveEnvelope } from "./section-handler.ts";
import type { Traffic } from "./traffic.ts";

export type MessageHandler = (message: IncomingMessage) => void | Promise<void>;

export interface DirectMessagesOptions {
  readonly clock: Clock;
  readonly registryTime: () => number;
  readonly directory: Directory;
  readonly peers: () => Peers;
  readonly lanes: InboxLanes;
  readonly opener: LinkOpener;
  readonly metrics: DeviceMetrics;
  readonly traffic: Traffic;
  readonly recipient: (to: string) => Promise<MemberView>;
  readonly livePeer: (to: string) => Promise<Peer>;
  /** Resolves when the registry may be asked once more. */
  readonly nextChance: () => Promise<void>;
  /** A message went to a member, or came from one. */
  readonly onMet: (member: { readonly member: string; readonly name: string }) => void;
  readonly onReading: (reading: boolean) => void;
  readonly onRefused: (error: ParleyError, from?: string) => void;
  readonly onError: (error: unknown) => void;
}

const liveTtlMs = 60_000;

export class DirectMessages {
  readonly #options: DirectMessagesOptions;
  #handler: MessageHandler | undefined;

  constructor(options: DirectMessagesOptions) {
    this.#options = options;
  }

  get isReading(): boolean {
    return this.#handler !== undefined;
  }

  /** Resolves when the message is accepted. */
  async send(to: string, text: string, options: SendOptions): Promise<Sent> {
    if (text.length === 0) throw new ParleyError("invalid_argument", { message: "A message needs some text." });
    const body = messageBody(text, options.attachments);
    if (options.class === "live") return this.#sendLive(to, body, options);
    return this.sendBody(to, body, options);
  }

  /** The same for a body that was made before. */
  async sendBody(to: string, body: Uint8Array, options: SendOptions = {}): Promise<Sent> {
    const peers = this.#options.peers();
    const view = await this.#options.recipient(to);
    this.#options.onMet(view);
    for (const peer of peers.takers(view)) if (allowsLinks(options.paths)) peers.links.want(peer);
    const stream = await peers.streams.to(view.member, options.paths);
    return stream.accept(this.#head(options.ttlMs ?? 0), body, options.signal);
  }

  /** Hands messages to a handler until the returned function is called; what waited comes first. */
  read(handler: MessageHandler): () => void {
    const { lanes } = this.#options;
    this.#handler = handler;
    lanes.read();
    this.#options.onReading(true);
    return () => {
      if (this.#handler !== handler) return;
      this.#handler = undefined;
      lanes.pause();
      this.#options.onReading(false);
    };
  }

  /** A live message, as it came. */
  onLive({ id, peer, path, created, body }: LiveEnvelope): Promise<void> | void {
    const message = decodeJson(directMessageSchema, textOf(body), limits.envelopeBytes);
    if (!message.ok)
      return this.#options.onRefused(new ParleyError(message.code, { message: message.message }), peer.member.name);
    if (this.#handler !== undefined) this.#options.traffic.message(path, "live");
    const handled = this.#handler?.({
      id,
      from: peer.sender,
      text: message.value.text,
      attachments: message.value.attachments ?? [],
      created,
      path,
      class: "live",
      redelivered: false,
    });
    // The sender's next one waits for this one.
    if (handled instanceof Promise) return handled.catch(this.#options.onError);
  }

  /** A committed message; resolves when the handler returned, with `gone` when it left before it had the message. */
  async onEntry(entry: Waiting): Promise<"gone" | Failure | void> {
    const message = decodeJson(directMessageSchema, textOf(entry.envelope.body), limits.envelopeBytes);
    const sender = await this.#writerOf(entry);
    this.#options.onMet(sender);
    if (!message.ok) {
      this.#options.onRefused(new ParleyError(message.code, { message: message.message }), sender.name);
      return { code: message.code, reason: "It cannot be read as a message." };
    }
    const { origin, created } = entry.envelope;
    const handler = this.#handler;
    // Whoever listened may have left while the sender was looked up.
    if (handler === undefined) return "gone";
    const incoming: IncomingMessage = {
      id: envelopeId(origin?.epoch ?? entry.epoch, origin?.seq ?? entry.seq),
      from: { member: sender.member, name: sender.name, device: entry.device, kind: sender.kind, roles: sender.roles },
      text: message.value.text,
      attachments: message.value.attachments ?? [],
      created,
      path: entry.path ?? "mailbox",
      class: "durable",
      redelivered: entry.redelivered,
    };
    this.#options.traffic.message(incoming.path, "durable");
    if (entry.redelivered) this.#options.metrics.count("redeliveries", { class: "durable" });
    try {
      await handler(incoming);
    } catch (error) {
      const { code } = toParleyError(error);
      if (this.#handler !== handler && (code === "closed" || code === "canceled")) return "gone";
      throw error;
    }
  }

  async #sendLive(to: string, body: Uint8Array, options: SendOptions): Promise<Sent> {
    const { clock, livePeer, opener } = this.#options;
    const peer = await livePeer(to);
    await opener.approach(peer, options.paths, options.signal);
    const ttlMs = options.ttlMs ?? liveTtlMs;
    const envelopes = splitBody(this.#head(ttlMs), body);
    while (!peer.pushLive(envelopes, options.paths)) await peer.room(options.paths);
    return peer.trackLive(options.paths, envelopes.length, clock, ttlMs);
  }

  #head(ttl: number): Omit<Envelope, "body" | "more"> {
    // By the registry's clock, so that the reader's own cannot end its life too early or too late.
    const created = Math.round(this.#options.registryTime());
    return { kind: envelopeKinds.message, critical: true, created, ttl, hops: 0, trace: undefined, origin: undefined };
  }

  /** Who wrote a committed message: it waits while the registry, which has to be asked, is away. */
  async #writerOf({ sender }: Waiting): Promise<MemberView["verified"]> {
    const { directory, nextChance } = this.#options;
    for (;;) {
      try {
        return (directory.known(sender) ?? (await directory.get(sender))).verified;
      } catch (error) {
        if (!toParleyError(error).retryable) throw error;
        await nextChance();
      }
    }
  }
}
