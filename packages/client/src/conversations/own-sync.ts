/**
 * What one device of a person tells the others, so that each knows all that was said: a durable stream to the own member,
 * which every other device takes.
 */
import { contentChange, type NewMessage } from "@parley/core";
import {
  decodeJson,
  type Envelope,
  envelopeKinds,
  isRetryable,
  limits,
  type Sync,
  syncSchema,
  toParleyError,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";
import type { DurableStreams } from "../durable-streams.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Contacts } from "./contacts.ts";
import { type ConversationLog, directConversation } from "./conversation-log.ts";

export interface OwnSyncOptions {
  readonly own: OwnDevices;
  readonly streams: () => DurableStreams;
  readonly contacts: () => Contacts;
  readonly log: ConversationLog;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

export class OwnSync {
  readonly #options: OwnSyncOptions;

  constructor(options: OwnSyncOptions) {
    this.#options = options;
  }

  /** Tells the other devices, if there are any. */
  tell(news: Sync): void {
    const { own, streams, now, onError } = this.#options;
    if (own.identity.kind !== "person" || own.listed < 2) return;
    const head = {
      kind: envelopeKinds.sync,
      critical: false,
      created: Math.round(now()),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    streams()
      .to(own.identity.member, undefined)
      .then((stream) => stream.accept(head, bodyOf(news)))
      .catch(onError);
  }

  /** Takes what another device told, before it is acknowledged. What cannot be read is of a later version. */
  async take({ body }: Envelope): Promise<void> {
    const news = decodeJson(syncSchema, textOf(body), limits.envelopeBytes);
    if (!news.ok) return;
    try {
      await this.#apply(news.value);
    } catch (error) {
      // What can never be kept is not asked for again and again.
      if (isRetryable(toParleyError(error).code)) throw error;
      this.#options.onError(error);
    }
  }

  async #apply(news: Sync): Promise<void> {
    const { log, contacts } = this.#options;
    switch (news.type) {
      case "sent":
        return this.#takeSent(news);
      case "read": {
        const { conversation, id } = news;
        const message = await log.archive.message(conversation, id);
        if (message !== undefined) await log.apply({ type: "read", conversation, upTo: message.sort });
        return;
      }
      case "contact":
        return contacts().onSync(news);
    }
  }

  async #takeSent({ to, id, created, content, secret }: Sync & { readonly type: "sent" }): Promise<void> {
    const { own, log, now } = this.#options;
    const { member, name } = own.identity;
    const conversation = directConversation(to);
    const change = contentChange(content, conversation, member, created);
    if (change !== undefined) return log.apply(change);
    const message: NewMessage = {
      conversation,
      id,
      author: member,
      name,
      device: undefined,
      created,
      taken: Math.round(now()),
      content,
      path: undefined,
      protection: secret ? "secret" : "sealed",
      own: true,
    };
    await log.apply({ type: "message", message });
  }
}
