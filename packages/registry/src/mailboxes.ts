import type { Clock, Log, LogBounds, Records } from "@parley/core";
import { decodeRoutedFrame, id32Schema, limits, ParleyError, type RoutedHeader } from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords } from "./json-records.ts";
import { keys } from "./keys.ts";

const cursorsSchema = z.object({ epoch: z.string(), devices: z.record(id32Schema, z.int().min(0)) });
type Cursors = z.infer<typeof cursorsSchema>;

interface Held {
  readonly offset: number;
  readonly bytes: number;
  readonly expires: number;
}

/** What waits in one mailbox, counted so that its quota needs no reading. */
interface Box {
  held: Held[];
  heldBytes: number;
  /** Appends under way. */
  pendingFrames: number;
  pendingBytes: number;
}

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
  readonly bounds: Pick<RegistryBounds, "mailboxFrames" | "mailboxBytes">;
}

/**
 * Mailboxes: sealed frames that wait for a member. An agent's is taken by one device, and where the log begins is how
 * far it got. Each device of a person has a cursor of its own, and a frame goes when all have passed it.
 */
export class Mailboxes {
  readonly #options: MailboxesOptions;
  readonly #cursors: JsonRecords<Cursors>;
  readonly #boxes = new Map<string, Promise<Box>>();
  readonly #acks = new Map<string, Acks>();

  constructor(options: MailboxesOptions) {
    this.#options = options;
    this.#cursors = new JsonRecords(options.records, cursorsSchema);
  }

  /** Keeps a frame; durable when resolved. Throws `mailbox_full`. The same frame again is kept once. */
  async append(header: RoutedHeader, bytes: Uint8Array): Promise<void> {
    const box = await this.#box(header.toMember);
    await this.#makeRoom(header.toMember, box, bytes.length);
    box.pendingFrames++;
    box.pendingBytes += bytes.length;
    try {
      // The sender's device is part of the key: an id that somebody else made up or saw cannot take a frame's place.
      const dedupeKey = `${header.fromDevice}.${header.frameId}`;
      const { offset, duplicate } = await this.#options.log.append(keys.mailbox(header.toMember), bytes, { dedupeKey });
      if (!duplicate) hold(box, { offset, bytes: bytes.length, expires: header.expires });
    } finally {
      box.pendingFrames--;
      box.pendingBytes -= bytes.length;
    }
  }

  bounds(member: string): Promise<LogBounds> {
    return this.#options.log.bounds(keys.mailbox(member));
  }

  /** Offset up to which a person's device took everything; undefined when the log itself says where to begin. */
  async cursor(owner: MailboxOwner, device: string): Promise<number | undefined> {
    if (owner.kind === "agent") return undefined;
    const { epoch } = await this.bounds(owner.member);
    const cursors = await this.#cursors.get(keys.mailboxCursor(owner.member));
    return cursors?.value.epoch === epoch ? cursors.value.devices[device] : undefined;
  }

  /** A device took everything up to an offset. Writes are shared by all acks that come while one is under way. */
  async ack(owner: MailboxOwner, device: string, offset: number): Promise<void> {
    const acks = this.#acks.get(owner.member) ?? { waiting: new Map(), writing: undefined, owner };
    this.#acks.set(owner.member, acks);
    acks.owner = owner;
    acks.waiting.set(device, Math.max(offset, acks.waiting.get(device) ?? 0));
    while (acks.writing !== undefined) {
      await acks.writing.catch(() => undefined);
      if (!acks.waiting.has(device)) return;
    }
    acks.writing = this.#writeAcks(acks).finally(() => {
      acks.writing = undefined;
      if (acks.waiting.size === 0) this.#acks.delete(owner.member);
    });
    await acks.writing;
  }

  /** Drops the frames of a member that was revoked. */
  async remove(member: string): Promise<void> {
    this.#boxes.delete(member);
    await this.#options.log.remove(keys.mailbox(member));
  }

  async #writeAcks(acks: Acks): Promise<void> {
    const { owner } = acks;
    const taken = new Map(acks.waiting);
    acks.waiting.clear();
    const { epoch, last } = await this.bounds(owner.member);
    const upTo =
      owner.kind === "agent" ? Math.max(...taken.values()) : await this.#moveCursors(owner, taken, epoch, last);
    const { first } = await this.#options.log.trim(keys.mailbox(owner.member), Math.min(upTo, last));
    const box = await this.#boxes.get(owner.member);
    if (box !== undefined) release(box, first);
  }

  async #moveCursors(
    owner: MailboxOwner,
    taken: ReadonlyMap<string, number>,
    epoch: string,
    last: number,
  ): Promise<number> {
    const kept = await this.#cursors.change(keys.mailboxCursor(owner.member), (current) => {
      const before = current?.epoch === epoch ? current.devices : {};
      const devices: Record<string, number> = {};
      for (const device of owner.devices) {
        const offset = Math.max(before[device] ?? -1, Math.min(taken.get(device) ?? -1, last));
        if (offset >= 0) devices[device] = offset;
      }
      return { epoch, devices };
    });
    return Math.min(...owner.devices.map((device) => kept?.value.devices[device] ?? 0));
  }

  async #makeRoom(member: string, box: Box, bytes: number): Promise<void> {
    if (this.#fits(box, bytes)) return;
    const now = this.#options.clock.now();
    let expired = 0;
    for (const held of box.held) {
      if (held.expires === 0 || held.expires > now) break;
      expired = held.offset;
    }
    if (expired > 0) release(box, (await this.#options.log.trim(keys.mailbox(member), expired)).first);
    if (!this.#fits(box, bytes)) throw new ParleyError("mailbox_full");
  }

  #fits(box: Box, bytes: number): boolean {
    const { mailboxFrames, mailboxBytes } = this.#options.bounds;
    return (
      box.held.length + box.pendingFrames < mailboxFrames && box.heldBytes + box.pendingBytes + bytes <= mailboxBytes
    );
  }

  #box(member: string): Promise<Box> {
    const known = this.#boxes.get(member);
    if (known !== undefined) return known;
    if (this.#boxes.size >= mostBoxes) this.#boxes.delete(this.#boxes.keys().next().value ?? "");
    const counted = this.#count(member);
    this.#boxes.set(member, counted);
    counted.catch(() => this.#boxes.delete(member));
    return counted;
  }

  async #count(member: string): Promise<Box> {
    const box: Box = { held: [], heldBytes: 0, pendingFrames: 0, pendingBytes: 0 };
    for (let from = 1; ;) {
      const page = await this.#options.log.read(keys.mailbox(member), {
        from,
        limit: 1000,
        maxBytes: limits.routedFrameBytes * 32,
      });
      for (const { offset, bytes } of page.entries) {
        const frame = decodeRoutedFrame(bytes);
        hold(box, { offset, bytes: bytes.length, expires: frame.ok ? frame.value.expires : 0 });
      }
      if (page.complete) return box;
      from = page.next;
    }
  }
}

interface Acks {
  owner: MailboxOwner;
  readonly waiting: Map<string, number>;
  writing: Promise<void> | undefined;
}

function hold(box: Box, held: Held): void {
  box.held.push(held);
  box.heldBytes += held.bytes;
}

function release(box: Box, first: number): void {
  let gone = 0;
  for (const held of box.held) {
    if (held.offset >= first) break;
    box.heldBytes -= held.bytes;
    gone++;
  }
  box.held = box.held.slice(gone);
}
