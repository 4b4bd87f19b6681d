/** Direct messages as they are said: sealed with the secret that the two share, accepted, and remembered. */
import { contentChange, type OutboxEntry, type Random } from "@parley/core";
import {
  type Content,
  contentSchema,
  type DeliveryState,
  envelopeId,
  envelopeKinds,
  issueOf,
  knownContent,
  limits,
  ParleyError,
  type Path,
  type Sync,
} from "@parley/protocol";

import { bodyOf } from "../body.ts";
import type { SendOptions, Sent } from "../delivery.ts";
import { type Outgoing, outgoingContent } from "../guards/outgoing.ts";
import type { MemberView } from "../member-view.ts";
import type { Contacts } from "./contacts.ts";
import { type ConversationLog, directConversation } from "./conversation-log.ts";
import { contentIn } from "./direct-intake.ts";
import { openContent, sealContent } from "./shared-secret.ts";

export interface DirectSpeechOptions {
  readonly mesh: string;
  readonly own: { readonly member: string; readonly name: string; readonly device: string };
  readonly contacts: Contacts;
  readonly log: ConversationLog;
  readonly random: Random;
  /** By the registry's clock, as the envelope has it. */
  readonly now: () => number;
  readonly recipient: (to: string) => Promise<MemberView>;
  /** Accepts the body of a message to a member. */
  readonly send: (to: MemberView, body: Uint8Array, options: SendOptions) => Promise<Sent>;
  readonly sync: (news: Sync) => void;
  /** Takes out what must not leave this device. */
  readonly outgoing: Outgoing;
  readonly onError: (error: unknown) => void;
}

/** What is known of a message that was accepted. */
interface SentMessage {
  readonly id: string;
  readonly state: DeliveryState;
  readonly path: Path | undefined;
}

/** What was accepted in the last moments of a start is among so many. */
const mostRecalled = 1000;
/** Of a member's id, with which the name of a stream begins. */
const memberCharacters = 43;

interface ReadyBody {
  readonly body: Uint8Array;
  /** It is sealed with a shared secret. */
  readonly secret: boolean;
}

export class DirectSpeech {
  readonly #options: DirectSpeechOptions;
  /** By member: those who have something under way. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(options: DirectSpeechOptions) {
    this.#options = options;
  }

  /** Resolves when it is accepted. Throws `blocked`, `key_changed`, `too_large`, ... */
  async say(to: string, given: Content, options: SendOptions = {}): Promise<Sent> {
    const { recipient, contacts, send, now, outgoing } = this.#options;
    const content = outgoingContent(given, outgoing);
    const view = await recipient(to);
    const created = Math.round(now());
    const { body, secret } = await this.#inTurn(view.member, async () => {
      await contacts.writesTo(view);
      return this.#bodyOf(view, content);
    });
    const sent = await send(view, body, options);
    // What was accepted goes out whether or not it can be remembered.
    await this.#remember(view.member, sentOf(sent), content, created, secret).catch(this.#options.onError);
    return sent;
  }

  /** Remembers texts that an earlier start accepted, ending before it could remember them. What went in parts is let be. */
  async recall(outbox: readonly OutboxEntry[]): Promise<void> {
    for (const { recipient, epoch, seq, envelope, state } of outbox.slice(-mostRecalled)) {
      const { kind, more, origin, created, body } = envelope;
      if (kind !== envelopeKinds.message || more) continue;
      const member = recipient.slice(0, memberCharacters);
      const id = envelopeId(origin?.epoch ?? epoch, origin?.seq ?? seq);
      if ((await this.#options.log.archive.message(directConversation(member), id)) !== undefined) continue;
      const content = await this.#contentIn(member, body);
      if (content?.type !== "text") continue;
      const secret = contentIn(body)?.type === "sealed";
      await this.#remember(member, { id, state, path: undefined }, content, created, secret);
    }
  }

  /** Says once more, as a new message, what was accepted before: under the secret that the two share now. */
  async again(to: string, body: Uint8Array): Promise<Sent> {
    const content = await this.#contentIn(to, body);
    return content === undefined
      ? this.#options.send(await this.#options.recipient(to), body, {})
      : this.say(to, content);
  }

  /** Undefined for what cannot be opened, or not be said by this version. */
  async #contentIn(to: string, body: Uint8Array): Promise<Content | undefined> {
    const { mesh, own, contacts } = this.#options;
    const content = knownContent(contentIn(body));
    if (content?.type !== "sealed") return content;
    const secret = contacts.secretOf(to);
    if (secret === undefined) return undefined;
    const opening = openContent(content, secret, { mesh, from: own.member, to });
    return knownContent(await opening.catch(() => undefined));
  }

  /** What is said to one member is made ready in the order of the calls, however long each takes. */
  #inTurn(member: string, work: () => Promise<ReadyBody>): Promise<ReadyBody> {
    const done = (this.#turns.get(member) ?? Promise.resolve()).then(work);
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(member, settled);
    void settled.then(() => {
      if (this.#turns.get(member) === settled) this.#turns.delete(member);
    });
    return done;
  }

  async #bodyOf({ member }: MemberView, content: Content): Promise<ReadyBody> {
    const { mesh, own, contacts, random } = this.#options;
    const parsed = contentSchema.safeParse(content);
    if (!parsed.success)
      throw new ParleyError("invalid_argument", { message: `The message: ${issueOf(parsed.error)}.` });
    const secret = contacts.secretOf(member);
    const parties = { mesh, from: own.member, to: member };
    const carried = secret === undefined ? parsed.data : await sealContent(parsed.data, secret, parties, random);
    const body = bodyOf(carried);
    if (body.length > limits.envelopeBytes)
      throw new ParleyError("too_large", {
        message: `A message has at most ${limits.envelopeBytes} bytes, the references to its attachments included.`,
      });
    return { body, secret: secret !== undefined };
  }

  async #remember(
    member: string,
    { id, state, path }: SentMessage,
    content: Content,
    created: number,
    secret: boolean,
  ): Promise<void> {
    const { own, log, sync } = this.#options;
    const conversation = directConversation(member);
    sync({ type: "sent", to: member, id, created, content, secret });
    const change = contentChange(content, conversation, own.member, created);
    if (change !== undefined) return log.apply(change);
    await log.apply({
      type: "message",
      message: {
        conversation,
        id,
        author: own.member,
        name: own.name,
        device: own.device,
        created,
        taken: created,
        content,
        path,
        protection: secret ? "secret" : "sealed",
        state,
        own: true,
      },
    });
  }
}

function sentOf(sent: Sent): SentMessage {
  const { state, path } = sent.state();
  return { id: sent.id, state, path };
}
