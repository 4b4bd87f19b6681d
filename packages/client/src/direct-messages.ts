/** Direct messages: out by the durable or the live stream, in from the inbox or live, to one handler. */
import type { Clock } from "@parley/core";
import { splitBody, type VerifiedMember } from "@parley/core";
import { type Content, type Envelope, envelopeKinds, ParleyError, textContent, toParleyError } from "@parley/protocol";

import type { Conversations } from "./conversations/conversations.ts";
import { type ArrivedMessage, idOfEntry, type TakenMessage } from "./conversations/direct-intake.ts";
import type { IncomingMessage, Sender, SendOptions, Sent } from "./delivery.ts";
import type { Directory } from "./directory.ts";
import type { Gate } from "./gate.ts";
import { checkHops } from "./guards/hops.ts";
import type { Failure, InboxLanes, Waiting } from "./inbox-lanes.ts";
import type { LinkOpener } from "./link-opener.ts";
import type { MemberView } from "./member-view.ts";
import type { DeviceMetrics } from "./metrics.ts";
import { allowsLinks } from "./path-rules.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { LiveEnvelope } from "./section-handler.ts";
import type { Traffic } from "./traffic.ts";
import type { UsageMeter } from "./usage-meter.ts";

export type MessageHandler = (message: IncomingMessage) => void | Promise<void>;

/**
 * Says when the program is ready for the next message of a member: what this waits for stays in the inbox. A rejection lets
 * it stay there until somebody reads anew.
 */
export type MessageGate = (from: Sender) => Promise<void> | undefined;

export interface DirectMessagesOptions {
  readonly clock: Clock;
  readonly registryTime: () => number;
  readonly directory: Directory;
  readonly conversations: Pick<Conversations, "intake" | "speech">;
  readonly peers: () => Peers;
  readonly lanes: InboxLanes;
  readonly opener: LinkOpener;
  readonly metrics: DeviceMetrics;
  readonly traffic: Traffic;
  readonly gate: Gate;
  readonly meter: Pick<UsageMeter, "ready" | "sent" | "took">;
  readonly livePeer: (to: MemberView) => Peer;
  /** Resolves when the registry may be asked once more. */
  readonly nextChance: () => Promise<void>;
  /** A message went to a member, or came from one. */
  /** What this member decided about another one. */
  readonly standingOf: (member: VerifiedMember) => Pick<Sender, "trust" | "verified">;
  readonly onMet: (member: { readonly member: string; readonly name: string }) => void;
  readonly onReading: (reading: boolean) => void;
  readonly onRefused: (error: ParleyError, from?: string) => void;
  readonly onError: (error: unknown) => void;
}

const liveTtlMs = 60_000;

export class DirectMessages {
  readonly #options: DirectMessagesOptions;
  /** Who reads: the newest has the messages, and the one before it once that one left. */
  readonly #readers: { readonly handler: MessageHandler; readonly ready: MessageGate | undefined }[] = [];
  #keepers = 0;

  constructor(options: DirectMessagesOptions) {
    this.#options = options;
  }

  /** Resolves when the message is accepted. */
  async send(to: string, text: string, options: SendOptions): Promise<Sent> {
    if (text.length === 0) throw new ParleyError("invalid_argument", { message: "A message needs some text." });
    const { attachments = [] } = options;
    const content: Content = {
      type: "text",
      text,
      ...(attachments.length === 0 ? {} : { attachments: [...attachments] }),
    };
    return this.#options.conversations.speech.say(to, content, options);
  }

  /** Accepts the body of a message, made before, to a member. */
  async sendBody(view: MemberView, body: Uint8Array, options: SendOptions = {}): Promise<Sent> {
    const { gate, meter } = this.#options;
    const peers = this.#options.peers();
    checkHops(options.hops);
    await meter.ready;
    gate.checkOwn(view.verified, { action: "message" });
    this.#options.onMet(view);
    meter.sent();
    if (options.class === "live") return this.#sendLive(view, body, options);
    for (const peer of peers.takers(view)) if (allowsLinks(options.paths)) peers.links.want(peer);
    const stream = await peers.streams.to(view.member, options.paths);
    return stream.accept(this.#head(options.ttlMs ?? 0, options.hops), body, options.signal);
  }

  /**
   * Hands messages to a handler until the returned function is called; what waited comes first. One reader has them at a
   * time: who asked last, and when that one leaves, who asked before.
   */
  read(handler: MessageHandler, ready?: MessageGate): () => void {
    const reader = { handler, ready };
    this.#readers.push(reader);
    this.#refit();
    return once(() => {
      this.#readers.splice(this.#readers.indexOf(reader), 1);
      this.#refit();
    });
  }

  get #handler(): MessageHandler | undefined {
    return this.#readers.at(-1)?.handler;
  }

  get #ready(): MessageGate | undefined {
    return this.#readers.at(-1)?.ready;
  }

  /** Messages count as handled once they are remembered, as long as no handler reads and until the returned function is called. */
  keep(): () => void {
    this.#keepers++;
    this.#refit();
    return once(() => {
      this.#keepers--;
      this.#refit();
    });
  }

  /** A live message, as it came. The sender's next one waits for this one. */
  async onLive({ id, peer, path, created, hops, body }: LiveEnvelope): Promise<void> {
    const { conversations, clock, traffic, onRefused, onError } = this.#options;
    const sender = peer.member;
    const refusal = conversations.intake.refusalOf(sender, { ...this.#head(0), more: false, body });
    if (refusal !== undefined) return onRefused(new ParleyError(refusal), sender.name);
    this.#options.meter.took(sender);
    const { device } = peer;
    const arrived = { id, sender, device, created, receivedAt: clock.now(), path, body };
    const taken = await conversations.intake.keep(arrived);
    conversations.intake.forget(sender.member, id);
    const incoming = this.#incomingOf({ ...arrived, hops, class: "live", redelivered: false }, taken);
    if (taken.content === undefined) return onRefused(new ParleyError("invalid_argument"), sender.name);
    if (this.#handler === undefined || incoming === undefined) return;
    await this.#ready?.(incoming.from);
    if (this.#handler === undefined) return;
    traffic.message(path, "live");
    await Promise.resolve(this.#handler(incoming)).catch(onError);
  }

  /** A committed message; resolves when the handler returned, with `gone` when it left before it had the message. */
  async onEntry(entry: Waiting): Promise<"gone" | Failure | void> {
    const { conversations, onMet, onRefused, traffic, metrics } = this.#options;
    const sender = await this.#writerOf(entry);
    onMet(sender);
    const { envelope, device, receivedAt, path = "mailbox", redelivered } = entry;
    const { created, body } = envelope;
    const arrived = { id: idOfEntry(entry), sender, device, created, receivedAt, path, body };
    const taken = await conversations.intake.keep(arrived);
    if (taken.content === undefined) {
      onRefused(new ParleyError("invalid_argument"), sender.name);
      return { code: "invalid_argument", reason: "It cannot be read as a message." };
    }
    const handler = this.#handler;
    // Whoever listened may have left meanwhile.
    if (handler === undefined && this.#keepers === 0) return "gone";
    conversations.intake.forget(sender.member, arrived.id);
    traffic.message(path, "durable");
    if (redelivered) metrics.count("redeliveries", { class: "durable" });
    if (handler === undefined) return;
    const { hops } = envelope;
    const incoming = this.#incomingOf({ ...arrived, hops, class: "durable", redelivered }, taken);
    if (incoming === undefined) return taken.content.type === "sealed" ? unopened : undefined;
    try {
      await handler(incoming);
    } catch (error) {
      const { code } = toParleyError(error);
      if (this.#handler !== handler && (code === "closed" || code === "canceled")) return "gone";
      throw error;
    }
  }

  /** Whether a committed message may be handed out; undefined for at once. False when it stays where it is. */
  mayHand(entry: Waiting): Promise<boolean> | undefined {
    const ready = this.#ready;
    if (ready === undefined || this.#handler === undefined) return undefined;
    return this.#waitFor(ready, entry);
  }

  async #waitFor(ready: MessageGate, entry: Waiting): Promise<boolean> {
    const sender = await this.#writerOf(entry);
    const isReady = await Promise.resolve(ready(this.#senderOf(sender, entry.device))).then(
      () => true,
      () => false,
    );
    // Another program reads by now, and is asked itself.
    if (this.#ready !== ready && this.#handler !== undefined) return (await this.mayHand(entry)) ?? true;
    return isReady && this.#ready === ready;
  }

  /** Somebody reads, or nobody. */
  #refit(): void {
    const { lanes, onReading } = this.#options;
    const reads = this.#handler !== undefined || this.#keepers > 0;
    if (reads) lanes.read();
    else lanes.pause();
    onReading(reads);
  }

  async #sendLive(view: MemberView, body: Uint8Array, options: SendOptions): Promise<Sent> {
    const { clock, livePeer, opener } = this.#options;
    const peer = livePeer(view);
    await opener.approach(peer, options.paths, options.signal);
    const ttlMs = options.ttlMs ?? liveTtlMs;
    const envelopes = splitBody(this.#head(ttlMs, options.hops), body);
    while (!peer.pushLive(envelopes, options.paths)) await peer.room(options.paths);
    return peer.trackLive(options.paths, envelopes.length, clock, ttlMs);
  }

  #head(ttl: number, hops = 0): Omit<Envelope, "body" | "more"> {
    // By the registry's clock, so that the reader's own cannot end its life too early or too late.
    const created = Math.round(this.#options.registryTime());
    return { kind: envelopeKinds.message, critical: true, created, ttl, hops, trace: undefined, origin: undefined };
  }

  /** As a handler gets it; undefined for what says nothing by itself, or nothing that can be read here. */
  #incomingOf(
    arrived: ArrivedMessage & Pick<IncomingMessage, "class" | "redelivered" | "hops">,
    { content, request, protection }: TakenMessage,
  ): IncomingMessage | undefined {
    const said = textContent(content);
    if (said === undefined) return undefined;
    const { sender, device, id, created, path, redelivered, hops } = arrived;
    const { text, attachments = [], answers, thread, notice } = said;
    return {
      id,
      from: this.#senderOf(sender, device),
      text,
      attachments,
      created,
      path,
      class: arrived.class,
      redelivered,
      hops,
      request,
      secret: protection === "secret",
      ...(answers === undefined ? {} : { answers }),
      ...(thread === undefined ? {} : { thread }),
      ...(notice === undefined ? {} : { notice }),
    };
  }

  #senderOf(sender: VerifiedMember, device: string): Sender {
    const { member, name, kind, roles } = sender;
    return { member, name, device, kind, roles, ...this.#options.standingOf(sender) };
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

/** It stays as it is until the secret is known: then it can be tried again. */
const unopened: Failure = { code: "cannot_open", reason: "It is sealed with a secret that this device does not have." };

/** Runs at most once. */
function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}
