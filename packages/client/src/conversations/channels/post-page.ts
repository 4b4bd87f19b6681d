/** What the journal keeps of the posts of one channel that wait: an outbox of its own beside those towards members. */
import type { Journal, OutboxEntry } from "@parley/core";
import {
  type AnyContent,
  anyContentSchema,
  compactSchema,
  type DeliveryState,
  envelopeKinds,
  type ErrorCode,
  limits,
  parseJson,
  postIdSchema,
  type Via,
  viaSchema,
} from "@parley/protocol";
import { z } from "zod";

import { bodyOf, textOf } from "../../body.ts";
import type { WriteAgain } from "../../write-again.ts";

/** A post as it waits. */
export interface KeptPost {
  readonly seq: number;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly content: AnyContent;
  readonly via?: Via;
  /** Of the members that said yes to it. */
  readonly approvals?: readonly string[];
}

export interface LeftPost extends KeptPost {
  readonly state: DeliveryState;
}

export interface PostPageOptions {
  readonly channel: string;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly now: () => number;
}

const channelMark = "#";
const bodySchema = z.object({
  id: postIdSchema,
  created: z.int().min(0),
  content: anyContentSchema,
  via: z.exactOptional(viaSchema),
  approvals: z.exactOptional(z.array(compactSchema).min(1).max(limits.approvalQuorum)),
});

/** Whether an outbox entry is a post; all others are towards members. */
export const isPostRecipient = (recipient: string): boolean => recipient.startsWith(channelMark);
export const channelOfRecipient = (recipient: string): string => recipient.slice(channelMark.length);

/** What an earlier start left; undefined for what cannot be read. */
export function postIn({ seq, envelope, state }: OutboxEntry): LeftPost | undefined {
  const post = postOfBody(envelope.body);
  return post === undefined ? undefined : { seq, state, ...post };
}

/** A post as the journal remembers it; undefined for what cannot be read. */
export function postOfBody(bytes: Uint8Array): Omit<KeptPost, "seq"> | undefined {
  try {
    const json = parseJson(textOf(bytes), limits.envelopeBytes);
    const body = json.ok ? bodySchema.safeParse(json.value) : undefined;
    return body?.success === true ? body.data : undefined;
  } catch {
    return undefined;
  }
}

export class PostPage {
  readonly #options: PostPageOptions;
  readonly #recipient: string;

  constructor(options: PostPageOptions) {
    this.#options = options;
    this.#recipient = `${channelMark}${options.channel}`;
  }

  /** Durable when resolved. Rejects with `limit_reached` when the outbox of this device is full. */
  append({ seq, ...post }: KeptPost): Promise<void> {
    const { journal, now } = this.#options;
    const head = { kind: envelopeKinds.post, critical: true, more: false, created: post.created, ttl: 0, hops: 0 };
    const envelope = { ...head, trace: undefined, origin: undefined, body: bodyOf(post) };
    // Numbers begin anew in each channel: with its own id as epoch, no two posts are remembered under one id.
    return journal.appendOutbox({ recipient: this.#recipient, seq, epoch: post.id, at: now(), envelope });
  }

  noteStored(seq: number): void {
    const { journal, writes, now } = this.#options;
    const fact = { state: "stored" as const, at: now() };
    writes.run(() => journal.noteOutbox(this.#recipient, seq, seq, fact));
  }

  noteRefused(seq: number, code: ErrorCode, reason: string): void {
    const { journal, writes, now } = this.#options;
    const fact = { state: "refused" as const, at: now(), code, reason };
    writes.run(() => journal.noteOutbox(this.#recipient, seq, seq, fact));
    this.drop(seq);
  }

  /** It is in the history of the channel, and nothing more is to be done. */
  settle(upTo: number): void {
    const { journal, writes } = this.#options;
    writes.run(() => journal.settleOutbox(this.#recipient, upTo));
  }

  drop(seq: number): void {
    const { journal, writes } = this.#options;
    writes.run(() => journal.dropOutbox(this.#recipient, seq));
  }
}
