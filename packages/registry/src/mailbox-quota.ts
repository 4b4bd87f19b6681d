import { type LimitName, ParleyError } from "@parley/protocol";

import type { RegistryBounds } from "./bounds.ts";

/** One frame that waits. */
export interface HeldFrame {
  readonly offset: number;
  readonly bytes: number;
  /** Milliseconds since 1970; 0 never. */
  readonly expires: number;
  /** Member that sent it; empty when its bytes could not be read. */
  readonly from: string;
}

interface Usage {
  frames: number;
  bytes: number;
}

export type QuotaBounds = Pick<
  RegistryBounds,
  "mailboxFrames" | "mailboxBytes" | "mailboxFramesPerSender" | "mailboxBytesPerSender"
>;

/** What waits in one mailbox, counted in all and for each sender, so that the quota needs no reading. */
export class MailboxQuota {
  readonly #bounds: QuotaBounds;
  #held: HeldFrame[] = [];
  /** Held and being written. */
  readonly #all: Usage = { frames: 0, bytes: 0 };
  readonly #senders = new Map<string, Usage>();

  constructor(bounds: QuotaBounds) {
    this.#bounds = bounds;
  }

  get frames(): number {
    return this.#all.frames;
  }

  get bytes(): number {
    return this.#all.bytes;
  }

  get isEmpty(): boolean {
    return this.#all.frames === 0;
  }

  /** Takes up room for a frame that is being written. Throws `mailbox_full` with what is full and when room may come. */
  reserve(from: string, bytes: number): void {
    const full = this.#fullBy(from, bytes);
    if (full === undefined) {
      this.#count(from, 1, bytes);
      return;
    }
    const isSender = full === "mailboxEnvelopesPerSender" || full === "mailboxBytesPerSender";
    const oldest = this.#held.find((held) => !isSender || held.from === from);
    throw new ParleyError("mailbox_full", {
      ...(isSender ? { message: "The recipient's mailbox holds no more of this sender." } : {}),
      data: { limit: full, oldestExpires: oldest?.expires ?? 0 },
    });
  }

  /** The room of a frame that was not written after all. */
  giveBack(from: string, bytes: number): void {
    this.#count(from, -1, -bytes);
  }

  /** A frame for which room was reserved lies there now. */
  written(frame: HeldFrame): void {
    const isLast = frame.offset > (this.#held.at(-1)?.offset ?? 0);
    this.#held.push(frame);
    if (!isLast) this.#held.sort((one, other) => one.offset - other.offset);
  }

  /** A frame that lay there before. */
  hold(frame: HeldFrame): void {
    this.#held.push(frame);
    this.#count(frame.from, 1, frame.bytes);
  }

  /** Everything below an offset is gone. */
  release(first: number): void {
    let gone = 0;
    for (const { offset, from, bytes } of this.#held) {
      if (offset >= first) break;
      this.#count(from, -1, -bytes);
      gone++;
    }
    if (gone > 0) this.#held = this.#held.slice(gone);
  }

  /** First and last of the frames at the head that have expired; undefined when the head has not. */
  expiredHead(now: number): { readonly from: number; readonly to: number } | undefined {
    const end = this.#held.findIndex(({ expires }) => expires === 0 || expires > now);
    const last = this.#held[(end === -1 ? this.#held.length : end) - 1];
    const first = this.#held[0];
    return first === undefined || last === undefined ? undefined : { from: first.offset, to: last.offset };
  }

  #fullBy(from: string, bytes: number): LimitName | undefined {
    const { mailboxFrames, mailboxBytes, mailboxFramesPerSender, mailboxBytesPerSender } = this.#bounds;
    const own = this.#senders.get(from);
    if ((own?.frames ?? 0) >= mailboxFramesPerSender) return "mailboxEnvelopesPerSender";
    if ((own?.bytes ?? 0) + bytes > mailboxBytesPerSender) return "mailboxBytesPerSender";
    if (this.#all.frames >= mailboxFrames) return "mailboxEnvelopes";
    if (this.#all.bytes + bytes > mailboxBytes) return "mailboxBytes";
    return undefined;
  }

  #count(from: string, frames: number, bytes: number): void {
    const usage = this.#senders.get(from) ?? { frames: 0, bytes: 0 };
    this.#all.frames += frames;
    this.#all.bytes += bytes;
    usage.frames += frames;
    usage.bytes += bytes;
    if (usage.frames === 0) this.#senders.delete(from);
    else this.#senders.set(from, usage);
  }
}
