import type { Clock, Log, LogBounds, Records } from "@parley/core";
import { decodeRoutedFrame, id32Schema, limits, type RoutedHeader } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";
import { type MailboxGap, MailboxGaps } from "./mailbox-gaps.ts";
import { MailboxQuota, type QuotaBounds } from "./mailbox-quota.ts";

const cursorsSchema = z.object({ epoch: z.string(), devices: z.record(id32Schema, z.int().min(0)) });
type Cursors = z.infer<typeof cursorsSchema>;

/** Whose mailbox, and which devices have to take a frame before it is dropped. */
export interface MailboxOwner {
  readonly member: string;
  readonly kind: "agent" | "person";
  readonly devices: readonly string[];
}

/** Mailboxes whose counts are kept in memory; the longest unused is counted anew when it is needed. */
const mostBoxes = 10_000;

export interface MailboxesOptions {
  readonly log: Log;
  readonly records: Records;
  readonly clock: Clock;
  readonly bounds: QuotaBounds;
}

/**
 * Mailboxes: sealed frames that wait for a member, and outlive its devices. Where an agent's log begins is how far its
 * holders got. Each device of a person has a cursor of its own, and a frame goes when all listed ones have passed it,
 * or when it expires.
 */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #cursors: JsonRecords<Cursors>;
  readonly #gaps: MailboxGaps;
  readonly #boxes = new Map<string, Promise<MailboxQuota>>();
  readonly #acks = new Map<string, Acks>();
  /** Offset up to which an agent's frames were dropped because its holders took them. */
  readonly #agentTook = new Map<string, number>();

  constructor(options: MailboxesOptions) {
    this.#options = options;
    this.#cursors = new JsonRecords(options.records, cursorsSchema);
    this.#gaps = new MailboxGaps(options.records);
  }

  /**
   * Keeps a frame and answers its offset; durable when resolved. Throws `mailbox_full`. The same frame again is kept
   * once; the sender's device is part of what makes it the same: an id that somebody else made up or saw takes no
   * frame's place.
   */
  async append(
    header: RoutedHeader,
    bytes: Uint8Array,
    dedupeKey: string = `${header.fromDevice}.${header.frameId}`,
  ): Promise<number> {
    const { toMember, fromMember: from } = header;
    const box = await this.#box(toMember);
    await this.#reserve(toMember, box, from, bytes.length);
    try {
      const { offset, duplicate } = await this.#options.log.append(keys.mailbox(toMember), bytes, { dedupeKey });
      if (duplicate) box.giveBack(from, bytes.length);
      else box.written({ offset, bytes: bytes.length, expires: header.expires, from });
      return offset;
    } catch (error) {
      box.giveBack(from, bytes.length);
      throw error;
    }
  }

  bounds(member: string): Promise<LogBounds> {
    return this.#options.log.bounds(keys.mailbox(member));
  }

  /** The frame at an offset, if it is still there. */
  async frame(member: string, offset: number): Promise<Uint8Array | undefined> {
    const page = await this.#options.log.read(keys.mailbox(member), { from: Math.max(1, offset), limit: 1 });
    const entry = page.entries[0];
    return entry?.offset === offset ? entry.bytes : undefined;
  }

  /**
   * Offset up to which a person's device took everything, or that it has no part in because it was listed later;
   * undefined when the log itself says where to begin.
   */
  async cursor(owner: MailboxOwner, device: string): Promise<number | undefined> {
    if (owner.kind === "agent") return undefined;
    const { epoch, first } = await this.bounds(owner.member);
    const cursors = await this.#cursors.get(keys.mailboxCursor(owner.member));
    return cursors?.value.epoch === epoch ? (cursors.value.devices[device] ?? first - 1) : undefined;
  }

  /** Offset up to which a device has taken everything by now; of an agent, its holders at this node. */
  async taken(owner: MailboxOwner, device: string): Promise<number> {
    if (owner.kind === "agent") return this.#agentTook.get(owner.member) ?? 0;
    return (await this.cursor(owner, device)) ?? 0;
  }

  /** What expired and was not said to everybody yet. */
  async gap(member: string): Promise<MailboxGap | undefined> {
    const { epoch } = await this.bounds(member);
    return this.#gaps.get(member, epoch);
  }

  /** A device took everything up to an offset. Writes are shared by all acks that come while one is under way. */
  ack(owner: MailboxOwner, device: string, offset: number): Promise<void> {
    return this.#settle(owner, device, offset);
  }

  /** The devices of a person are others than before: one that is gone holds nothing back. */
  async devicesChanged(owner: MailboxOwner): Promise<void> {
    if (owner.kind === "person") await this.#settle(owner, undefined, 0);
  }

  /** Drops what expired at the head of every mailbox. */
  async sweep(): Promise<void> {
    const { log, clock } = this.#options;
    for (let after: string | undefined; ;) {
      const page = await log.streams(prefixes.mailbox, after === undefined ? {} : { after });
      for (const name of page.names) {
        const member = afterPrefix(name, prefixes.mailbox);
        if (!this.#boxes.has(member)) {
          const [head] = (await log.read(name, { limit: 1 })).entries;
          if (head === undefined || !isOver(expiryOf(head.bytes), clock.now())) continue;
        }
        await this.#expire(member, await this.#box(member));
      }
      after = page.names.at(-1);
      if (page.complete || after === undefined) return;
    }
  }

  /** Frames and bytes in the mailboxes that are counted at this node. */
  async usage(): Promise<{ frames: number; bytes: number }> {
    const boxes = await Promise.all(this.#boxes.values());
    return {
      frames: boxes.reduce((sum, { frames }) => sum + frames, 0),
      bytes: boxes.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Drops the frames of a member that was revoked. */
  async remove(member: string): Promise<void> {
    this.#boxes.delete(member);
    this.#agentTook.delete(member);
    await this.#options.log.remove(keys.mailbox(member));
    await this.#gaps.remove(member);
    await this.#options.records.delete(keys.mailboxCursor(member));
  }

  async #settle(owner: MailboxOwner, device: string | undefined, offset: number): Promise<void> {
    const acks = this.#acks.get(owner.member) ?? { waiting: new Map(), isChanged: false, writing: undefined, owner };
    this.#acks.set(owner.member, acks);
    acks.owner = owner;
    if (device === undefined) acks.isChanged = true;
    else acks.waiting.set(device, Math.max(offset, acks.waiting.get(device) ?? 0));
    while (acks.writing !== undefined) {
      await acks.writing.catch(() => undefined);
      if (device === undefined ? !acks.isChanged : !acks.waiting.has(device)) return;
    }
    acks.writing = this.#writeAcks(acks).finally(() => {
      acks.writing = undefined;
      if (acks.waiting.size === 0 && !acks.isChanged) this.#acks.delete(owner.member);
    });
    await acks.writing;
  }

  async #writeAcks(acks: Acks): Promise<void> {
    const { owner } = acks;
    const taken = new Map(acks.waiting);
    acks.waiting.clear();
    acks.isChanged = false;
    // A member without devices keeps its mailbox for the next one.
    if (owner.devices.length === 0) return;
    const upTo = owner.kind === "agent" ? this.#noteTaken(owner, taken) : await this.#moveCursors(owner, taken);
    const { first } = await this.#options.log.trim(keys.mailbox(owner.member), upTo);
    const box = await this.#boxes.get(owner.member);
    box?.release(first);
    await this.#gaps.passed(owner.member, Math.min(upTo, first - 1));
  }

  #noteTaken({ member }: MailboxOwner, taken: ReadonlyMap<string, number>): number {
    const upTo = Math.max(0, ...taken.values());
    if (!this.#agentTook.has(member) && this.#agentTook.size >= mostBoxes)
      this.#agentTook.delete(this.#agentTook.keys().next().value ?? "");
    this.#agentTook.set(member, Math.max(upTo, this.#agentTook.get(member) ?? 0));
    return upTo;
  }

  /** Answers how far all have come. Also those that never took anything: by their cursors they hear of what expires. */
  async #moveCursors(owner: MailboxOwner, taken: ReadonlyMap<string, number>): Promise<number> {
    const { epoch, first, last } = await this.bounds(owner.member);
    const kept = await this.#cursors.change(keys.mailboxCursor(owner.member), async (current) => {
      const isKnown = current?.epoch === epoch;
      const before = isKnown ? current.devices : {};
      // A device that is new has no part in what expired; while nothing is known of any, all of them have.
      const start = (isKnown ? first : ((await this.#gaps.get(owner.member, epoch))?.from ?? first)) - 1;
      const devices: Record<string, number> = {};
      for (const device of owner.devices)
        devices[device] = Math.max(before[device] ?? start, Math.min(taken.get(device) ?? 0, last));
      const isSame =
        isKnown &&
        Object.keys(before).length === Object.keys(devices).length &&
        Object.entries(devices).every(([device, offset]) => before[device] === offset);
      return isSame ? undefined : { epoch, devices };
    });
    return Math.min(...owner.devices.map((device) => kept?.value.devices[device] ?? 0));
  }

  async #reserve(member: string, box: MailboxQuota, from: string, bytes: number): Promise<void> {
    try {
      box.reserve(from, bytes);
    } catch {
      await this.#expire(member, box);
      box.reserve(from, bytes);
    }
  }

  async #expire(member: string, box: MailboxQuota): Promise<void> {
    const expired = box.expiredHead(this.#options.clock.now());
    if (expired === undefined) return;
    const { epoch, first } = await this.bounds(member);
    if (expired.to >= first)
      await this.#gaps.note(member, epoch, { from: Math.max(first, expired.from), to: expired.to });
    box.release((await this.#options.log.trim(keys.mailbox(member), expired.to)).first);
  }

  #box(member: string): Promise<MailboxQuota> {
    const known = this.#boxes.get(member);
    if (known !== undefined) return known;
    if (this.#boxes.size >= mostBoxes) this.#boxes.delete(this.#boxes.keys().next().value ?? "");
    const counted = this.#count(member);
    this.#boxes.set(member, counted);
    counted.catch(() => this.#boxes.delete(member));
    return counted;
  }

  async #count(member: string): Promise<MailboxQuota> {
    const box = new MailboxQuota(this.#options.bounds);
    for (let from = 1; ;) {
      const page = await this.#options.log.read(keys.mailbox(member), {
        from,
        limit: 1000,
        maxBytes: limits.routedFrameBytes * 32,
      });
      for (const { offset, bytes } of page.entries) {
        const frame = decodeRoutedFrame(bytes);
        const sender = frame.ok ? frame.value.fromMember : "";
        box.hold({ offset, bytes: bytes.length, expires: expiryOf(bytes), from: sender });
      }
      if (page.complete) return box;
      from = page.next;
    }
  }
}

interface Acks {
  owner: MailboxOwner;
  readonly waiting: Map<string, number>;
  /** The device list is another one. */
  isChanged: boolean;
  writing: Promise<void> | undefined;
}

/** Milliseconds since 1970; 0 never. What cannot be read is over. */
export function expiryOf(frame: Uint8Array): number {
  const decoded = decodeRoutedFrame(frame);
  return decoded.ok ? decoded.value.expires : 1;
}

/** Whether an expiry has passed. */
export function isOver(expires: number, now: number): boolean {
  return expires !== 0 && expires <= now;
}
