import type { ArchivedMessage } from "../ports/archive.ts";
import { maxWaitingBytes, maxWaitingChanges } from "../ports/archive.ts";
import type { WaitingChange } from "./archive-change.ts";
import { jsonBytes, withWaiting } from "./archive-change.ts";
import type { MessagePlan } from "./archive-checks.ts";
import type { ConversationCounts } from "./archive-conversation.ts";

/** A message as the memory adapter keeps it. Its `replies` are counted beside it. */
export interface Entry {
  message: ArchivedMessage;
  thread: string | undefined;
  words: readonly string[];
}

interface Waiting {
  readonly change: WaitingChange;
  readonly bytes: number;
}

/** One conversation of the memory adapter. */
export class MemoryConversation {
  readonly counts: ConversationCounts;
  readonly #byId = new Map<string, Entry>();
  /** By `sort`. */
  readonly #sorted: Entry[] = [];
  readonly #replies = new Map<string, number>();
  #waiting: Waiting[] = [];

  constructor(counts: ConversationCounts) {
    this.counts = counts;
  }

  get last(): ArchivedMessage | undefined {
    const last = this.#sorted.at(-1);
    return last === undefined ? undefined : this.#shown(last);
  }

  entries(): readonly Entry[] {
    return this.#sorted;
  }

  get(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  message(id: string): ArchivedMessage | undefined {
    const entry = this.#byId.get(id);
    return entry === undefined ? undefined : this.#shown(entry);
  }

  hasSort(sort: number): boolean {
    return this.#sorted[this.#indexOf(sort)]?.message.sort === sort;
  }

  /** What a plan asks for, in its direction. */
  *find({ after, before, oldestFirst, thread }: MessagePlan): Generator<ArchivedMessage> {
    const first = this.#indexOf(after + 1);
    const end = this.#indexOf(before);
    for (let count = 0; count < end - first; count++) {
      const entry = this.#sorted[oldestFirst ? first + count : end - 1 - count];
      if (entry === undefined) continue;
      if (thread === undefined || entry.message.id === thread || entry.thread === thread) yield this.#shown(entry);
    }
  }

  add(entry: Entry): void {
    this.#byId.set(entry.message.id, entry);
    this.#sorted.splice(this.#indexOf(entry.message.sort), 0, entry);
    this.#countReply(entry.thread, 1);
  }

  delete(entry: Entry): void {
    this.#byId.delete(entry.message.id);
    this.#sorted.splice(this.#indexOf(entry.message.sort), 1);
    this.#countReply(entry.thread, -1);
  }

  joinThread(entry: Entry, thread: string | undefined): void {
    if (entry.thread === thread) return;
    entry.thread = thread;
    this.#countReply(thread, 1);
  }

  read(upTo: number): void {
    const { counts } = this;
    if (upTo <= counts.read) return;
    const newly = this.#sorted.slice(this.#indexOf(counts.read + 1), this.#indexOf(upTo + 1));
    const unread = newly.filter(({ message }) => !message.own);
    counts.unread -= unread.length;
    counts.mentions -= unread.filter(({ message }) => message.mentioned === true).length;
    counts.read = upTo;
  }

  addWaiting(change: WaitingChange): void {
    this.#waiting.push({ change, bytes: jsonBytes(change) });
    let bytes = this.#waiting.reduce((sum, each) => sum + each.bytes, 0);
    while (this.#waiting.length > maxWaitingChanges || bytes > maxWaitingBytes)
      bytes -= this.#waiting.shift()?.bytes ?? bytes;
  }

  /** The message after what waited for it. */
  afterWaiting(message: ArchivedMessage): ArchivedMessage {
    const own = this.#waiting.filter(({ change }) => change.of === message.id);
    if (own.length === 0) return message;
    const done = withWaiting(
      message,
      own.map(({ change }) => change),
    );
    const left = new Set(done.left.map((index) => own[index]));
    this.#waiting = this.#waiting.filter((each) => each.change.of !== message.id || left.has(each));
    return done.message;
  }

  #countReply(thread: string | undefined, step: 1 | -1): void {
    if (thread === undefined) return;
    const count = (this.#replies.get(thread) ?? 0) + step;
    if (count === 0) this.#replies.delete(thread);
    else this.#replies.set(thread, count);
  }

  #shown({ message }: Entry): ArchivedMessage {
    return { ...message, replies: this.#replies.get(message.id) ?? 0 };
  }

  /** Where a message with this `sort` is or would be. */
  #indexOf(sort: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.message.sort ?? Infinity) < sort) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
