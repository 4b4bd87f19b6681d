/**
 * What one device of a person tells the others, so that each knows all that was said: a durable stream to the own member,
 * which every other device takes.
 */
import { type ArchivedMessage, contentChange, type NewMessage } from "@parley/core";
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

/** Messages that were read elsewhere before they came here. */
const mostReadAhead = 4096;

export class OwnSync {
  readonly #options: OwnSyncOptions;
  readonly #readAhead = new Set<string>();

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

  /** A message is remembered: it may have been read on another device already. */
  onMessage({ conversation, id, sort }: ArchivedMessage): void {
    const { log, onError } = this.#options;
    if (this.#readAhead.delete(keyOf(conversation, id)))
      log.apply({ type: "read", conversation, upTo: sort }).catch(onError);
  }

  #apply(news: Sync): Promise<void> {
    switch (news.type) {
      case "sent":
        return this.#takeSent(news);
      case "read":
        return this.#takeRead(news);
      case "contact":
        return this.#options.contacts().onSync(news);
    }
  }

  /** What was read there may be on its way here still, as after an absence. */
  async #takeRead({ conversation, id }: Sync & { readonly type: "read" }): Promise<void> {
    const { log } = this.#options;
    const key = keyOf(conversation, id);
    if (this.#readAhead.size >= mostReadAhead) this.#readAhead.delete(this.#readAhead.keys().next().value ?? "");
    this.#readAhead.add(key);
    const message = await log.archive.message(conversation, id);
    if (message === undefined || !this.#readAhead.delete(key)) return;
    await log.apply({ type: "read", conversation, upTo: message.sort });
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

const keyOf = (conversation: string, id: string): string => `${conversation} ${id}`;
