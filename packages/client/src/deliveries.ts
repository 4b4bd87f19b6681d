/** Everything that this device sent and received and still remembers, found by id, member or state, and acted on. */
import { type DeliveryFact, type DeliveryQuery, type DeliveryRecord, type Journal, maxDeliveries } from "@parley/core";
import {
  type AnyContent,
  type DeliveryState,
  envelopeKinds,
  isEndState,
  ParleyError,
  textContent,
  toBase64url,
  type Via,
} from "@parley/protocol";

import { channelOfRecipient, isPostRecipient, postOfBody } from "./conversations/channels/post-page.ts";
import { contentIn } from "./conversations/direct-intake.ts";
import type { InboxLanes } from "./inbox-lanes.ts";

/** One message and all that is known of it. */
export interface DeliveryView {
  /** Orders messages as they were accepted or received here. */
  readonly place: number;
  readonly id: string;
  /** Of the stream that it is part of, which receipts name; the id keeps those of the stream that it was accepted in first. */
  readonly epoch: string;
  readonly seq: number;
  readonly direction: "in" | "out";
  /** Member id of the other side, and the name that it had when it was last met. Of a post `#<channel id>`, and the name with its `#`. */
  readonly member: string;
  readonly name: string | undefined;
  /** Device that sent it; undefined for what this member sent. */
  readonly device: string | undefined;
  /** Milliseconds since 1970 by the sender's clock. */
  readonly created: number;
  readonly expires: number | undefined;
  /** Of its body. */
  readonly bytes: number;
  /** This device still has to do something about it. */
  readonly pending: boolean;
  readonly redelivered: boolean;
  readonly state: DeliveryState;
  /** Oldest first. */
  readonly facts: readonly DeliveryFact[];
  /** What devices of the recipient signed, base64url of a `KeptReceipt`, by the state that it vouches for. */
  readonly receipts: Readonly<Partial<Record<DeliveryState, string>>>;
  /** Undefined when it cannot be read as a message. */
  readonly text: string | undefined;
}

export interface DeliveryViews {
  readonly records: readonly DeliveryView[];
  /** `after` of the next page. */
  readonly next: number | undefined;
}

/** What a purge takes: everything that ended and fits, or one message. */
export interface PurgeQuery extends Pick<DeliveryQuery, "id" | "peer" | "direction" | "states"> {
  /** Only what was created before, ms since 1970. */
  readonly before?: number;
}

export interface DeliveriesOptions {
  readonly journal: Journal;
  readonly lanes: InboxLanes;
  /** A name that was verified when the member was last met. */
  readonly nameOf: (member: string) => Promise<string | undefined>;
  /** Sends a body again, as a new message; resolves with its id. */
  readonly send: (member: string, body: Uint8Array) => Promise<string>;
  /** Posts once more, as a new post; resolves with its id. */
  readonly post: (channel: string, content: AnyContent, via: Via | undefined) => Promise<string>;
}

export class Deliveries {
  readonly #options: DeliveriesOptions;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  async find(query: DeliveryQuery): Promise<DeliveryViews> {
    const { records, next } = await this.#options.journal.deliveries(query);
    return { records: await Promise.all(records.map((record) => this.#view(record))), next };
  }

  /**
   * Tries once more what ended without success. A dead letter that was received is handed out again, under its id; what
   * was sent or posted goes out as a new message, whose id is given. Throws `not_found`, or `conflict` for what has not ended so,
   * and what stands in the way of a new one, such as `not_in_channel`.
   */
  async redeliver(id: string): Promise<string> {
    const { journal, lanes } = this.#options;
    const { records } = await journal.deliveries({ id });
    const failed = records.find(({ state, pending }) => isEndState(state) && !pending);
    if (records.length === 0) throw new ParleyError("not_found", { message: `No message has the id ${id}.` });
    if (failed === undefined)
      throw new ParleyError("conflict", {
        message: `The message is ${records[0]?.state}; only what failed is tried again.`,
      });
    if (failed.direction === "out") return this.#sendAgain(failed);
    lanes.again(await journal.reopenInbox(failed.place));
    return id;
  }

  #sendAgain({ peer, body }: DeliveryRecord): Promise<string> {
    const { send, post } = this.#options;
    if (!isPostRecipient(peer)) return send(peer, body);
    const said = postOfBody(body);
    if (said === undefined)
      throw new ParleyError("invalid_argument", { message: "The post cannot be read any more; post it anew." });
    return post(channelOfRecipient(peer), said.content, said.via);
  }

  /** Removes from this device's memory what fits and is not pending; returns how many. */
  async purge({ before = Infinity, ...query }: PurgeQuery): Promise<number> {
    const { journal } = this.#options;
    let removed = 0;
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await journal.deliveries({ ...query, after, limit: maxDeliveries });
      const places = page.records
        .filter(({ pending, created }) => !pending && created < before)
        .map(({ place }) => place);
      if (places.length > 0) await journal.removeDeliveries(places);
      removed += places.length;
      after = page.next;
    }
    return removed;
  }

  async #view(record: DeliveryRecord): Promise<DeliveryView> {
    const {
      place,
      id,
      epoch,
      seq,
      direction,
      peer,
      device,
      created,
      expires,
      bytes,
      pending,
      redelivered,
      state,
      facts,
    } = record;
    const receipts = [...record.receipts].map(([of, signature]) => [of, toBase64url(signature)]);
    return {
      place,
      id,
      epoch,
      seq,
      direction,
      member: peer,
      name: await this.#options.nameOf(peer),
      device,
      created,
      expires,
      bytes,
      pending,
      redelivered,
      state,
      facts,
      receipts: Object.fromEntries(receipts),
      text: textIn(record),
    };
  }
}

function textIn({ kind, body }: DeliveryRecord): string | undefined {
  if (kind === envelopeKinds.post) return textContent(postOfBody(body)?.content)?.text;
  if (kind !== envelopeKinds.message) return undefined;
  return textContent(contentIn(body))?.text;
}
