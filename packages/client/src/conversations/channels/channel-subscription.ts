/**
 * One handler of a channel's posts and its place, which outlives the process: it gets them in order, one at a time, each once but for what it
 * may have had when the process ended.
 */
import {
  type Archive,
  type ArchivedMessage,
  Backoff,
  type Clock,
  type Journal,
  type Random,
  type Timer,
} from "@parley/core";
import { parseJson, ParleyError, textContent, toParleyError } from "@parley/protocol";
import { z } from "zod";

import type { IncomingPost } from "../conversation-api.ts";
import { channelConversation } from "../conversation-log.ts";

export interface ChannelSubscriptionOptions {
  readonly channel: string;
  /** Of the place that is kept. */
  readonly name: string;
  readonly since: number | undefined;
  readonly replay: number;
  /** Up to here nothing is new, also what is not in the archive yet. */
  readonly end: number;
  readonly own: boolean;
  /** This device's id. */
  readonly device: string;
  readonly handler: (post: IncomingPost) => void | Promise<void>;
  readonly channelName: () => string;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

const placeSchema = z.object({
  /** Everything up to here was handled. */
  upTo: z.int().min(0),
  /** This one may have been handed out. */
  begun: z.int().min(0).optional(),
});
type Place = z.infer<typeof placeSchema>;

const mostCharacters = 256;
/** Messages read at once. */
const pageSize = 64;
/** A handler that throws as often as this for one post does not get it again. */
const mostAttempts = 5;
const encoder = new TextEncoder();

export const placeKey = (channel: string, name: string): string => `listen/${channel}/${name}`;

export class ChannelSubscription {
  readonly #options: ChannelSubscriptionOptions;
  readonly #backoff: Backoff;
  #place: Place = { upTo: 0 };
  /** The last message that was there when this began. */
  #end = 0;
  /** Of an earlier life of the process: a handler may have had it. */
  #suspect: number | undefined;
  #page: ArchivedMessage[] = [];
  #attempts = 0;
  #isWorking = false;
  #isNew = false;
  #stopped = false;
  #pause: Timer | undefined;

  constructor(options: ChannelSubscriptionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random, { firstMs: 250, mostMs: 30_000 });
  }

  /** Finds its place. Nothing is handed out before. */
  async open(): Promise<void> {
    const { channel, name, since, replay, end, archive, journal } = this.#options;
    const conversation = channelConversation(channel);
    const { messages } = await archive.messages({ conversation, limit: 1 });
    this.#end = Math.max(end, messages.at(-1)?.sort ?? 0);
    const kept = placeIn(await journal.getState(placeKey(channel, name)));
    if (since !== undefined) this.#place = { upTo: since };
    else if (kept !== undefined) {
      this.#place = kept;
      this.#suspect = kept.begun;
    } else {
      const before = replay === 0 ? [] : (await archive.messages({ conversation, limit: replay })).messages;
      const first = before[0]?.sort;
      this.#place = { upTo: first === undefined ? this.#end : first - 1 };
      await this.#keep(this.#place);
    }
    this.wake();
  }

  /** Something new is in the archive. */
  wake(): void {
    this.#isNew = true;
    if (this.#isWorking || this.#stopped || this.#pause !== undefined) return;
    this.#isWorking = true;
    this.#work().catch(this.#options.onError);
  }

  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#page = [];
  }

  async #work(): Promise<void> {
    try {
      while (!this.#stopped) {
        const message = await this.#next();
        if (message === undefined) break;
        await this.#hand(message);
      }
      this.#isWorking = false;
    } catch (error) {
      this.#isWorking = false;
      this.#failed(error);
    }
  }

  /** The next post for the handler; what is none is passed over. */
  async #next(): Promise<ArchivedMessage | undefined> {
    const { channel, archive } = this.#options;
    const conversation = channelConversation(channel);
    let after = this.#place.upTo;
    for (;;) {
      for (let first = this.#page[0]; first !== undefined; first = this.#page[0]) {
        if (first.sort > this.#place.upTo && this.#isWanted(first)) return first;
        after = Math.max(after, first.sort);
        this.#page.shift();
      }
      this.#isNew = false;
      const { messages } = await archive.messages({ conversation, after, limit: pageSize });
      this.#page = [...messages];
      if (messages.length > 0) continue;
      // What was passed over need not be looked at again.
      if (after > this.#place.upTo) await this.#keep({ upTo: after });
      if (!this.#isNew) return undefined;
    }
  }

  #isWanted({ content, unreadable, device }: ArchivedMessage): boolean {
    const { own } = this.#options;
    return textContent(content) !== undefined && unreadable === undefined && (own || device !== this.#options.device);
  }

  async #hand(message: ArchivedMessage): Promise<void> {
    const { channel, channelName, handler, onError } = this.#options;
    // Written before it is handed out: after a crash the handler is told that it may have had it.
    if (this.#place.begun !== message.sort) await this.#keep({ upTo: this.#place.upTo, begun: message.sort });
    if (this.#stopped) return;
    const redelivered = this.#attempts > 0 || this.#suspect === message.sort;
    const replay = message.sort <= this.#end;
    try {
      await handler({ channel, channelName: channelName(), message, replay, redelivered });
    } catch (error) {
      this.#attempts++;
      onError(error);
      if (this.#attempts < mostAttempts) throw new ParleyError("task_failed", { cause: error });
    }
    this.#attempts = 0;
    this.#backoff.reset();
    this.#page.shift();
    const next = this.#page.find((each) => this.#isWanted(each));
    await this.#keep({ upTo: message.sort, ...(next === undefined || this.#stopped ? {} : { begun: next.sort }) });
  }

  /** The same post is tried again after a while: the handler threw, or the disk did not work. */
  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { code } = toParleyError(error);
    if (code === "closed") return;
    if (code !== "task_failed") this.#options.onError(error);
    this.#pause = this.#options.clock.setTimer(this.#backoff.next(), () => {
      this.#pause = undefined;
      this.wake();
    });
  }

  async #keep(place: Place): Promise<void> {
    const { journal, channel, name } = this.#options;
    // What was handled is not handed out again in this life, whatever the disk says.
    this.#place = { upTo: place.upTo, ...(this.#place.begun === undefined ? {} : { begun: this.#place.begun }) };
    await journal.putState(placeKey(channel, name), encoder.encode(JSON.stringify(place)));
    this.#place = place;
  }
}

function placeIn(value: Uint8Array | undefined): Place | undefined {
  if (value === undefined) return undefined;
  const json = parseJson(new TextDecoder().decode(value), mostCharacters);
  const place = json.ok ? placeSchema.safeParse(json.value) : undefined;
  return place?.success === true ? place.data : undefined;
}
