/** Direct messages as they are said: sealed with the secret that the two share, accepted, and remembered. */
import { contentChange, type Random } from "@parley/core";
import { type Content, contentSchema, issueOf, limits, ParleyError, type Sync } from "@parley/protocol";

import { bodyOf } from "../body.ts";
import type { SendOptions, Sent } from "../delivery.ts";
import type { MemberView } from "../member-view.ts";
import type { Contacts } from "./contacts.ts";
import { type ConversationLog, directConversation } from "./conversation-log.ts";
import { sealContent } from "./shared-secret.ts";

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
  readonly onError: (error: unknown) => void;
}

export class DirectSpeech {
  readonly #options: DirectSpeechOptions;
  /** By member: those who have something under way. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(options: DirectSpeechOptions) {
    this.#options = options;
  }

  /** Resolves when it is accepted. Throws `blocked`, `key_changed`, `too_large`, ... */
  async say(to: string, content: Content, options: SendOptions = {}): Promise<Sent> {
    const { recipient, contacts, send, now } = this.#options;
    const view = await recipient(to);
    const created = Math.round(now());
    const body = await this.#inTurn(view.member, async () => {
      await contacts.writesTo(view);
      return this.#bodyOf(view, content);
    });
    const secret = contacts.secretOf(view.member);
    const sent = await send(view, body, options);
    // What was accepted goes out whether or not it can be remembered.
    await this.#remember(view, sent, content, created, secret !== undefined).catch(this.#options.onError);
    return sent;
  }

  /** What is said to one member is made ready in the order of the calls, however long each takes. */
  #inTurn(member: string, work: () => Promise<Uint8Array>): Promise<Uint8Array> {
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

  async #bodyOf({ member }: MemberView, content: Content): Promise<Uint8Array> {
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
    return body;
  }

  async #remember(
    { member }: MemberView,
    sent: Sent,
    content: Content,
    created: number,
    secret: boolean,
  ): Promise<void> {
    const { own, log, sync } = this.#options;
    const conversation = directConversation(member);
    sync({ type: "sent", to: member, id: sent.id, created, content, secret });
    const change = contentChange(content, conversation, own.member, created);
    if (change !== undefined) return log.apply(change);
    await log.apply({
      type: "message",
      message: {
        conversation,
        id: sent.id,
        author: own.member,
        name: own.name,
        device: own.device,
        created,
        taken: created,
        content,
        path: sent.state().path,
        protection: secret ? "secret" : "sealed",
        state: sent.state().state,
        own: true,
      },
    });
  }
}
