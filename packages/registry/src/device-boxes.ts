import type { Clock, Log } from "@parley/core";
import { encodeDelivery, limits, type RoutedHeader } from "@parley/protocol";

import { keys } from "./keys.ts";
import { expiryOf, isOver } from "./mailboxes.ts";

export interface DeviceBoxesOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Frames that wait for one device; the oldest give way. */
  readonly mostFrames: number;
}

/** Boxes whose offsets are kept in memory. */
const mostBoxes = 10_000;

/**
 * Frames for one device that is away: acknowledgements and receipts for what it sent. They are no part of its member's
 * mailbox, because no sibling could open them, and are handed over once, when it comes: what is lost on the way is
 * said again when the device sends again.
 */
export class DeviceBoxes {
  readonly #options: DeviceBoxesOptions;
  /** Offsets of what waits, by box, for those in use. */
  readonly #held = new Map<string, number[]>();

  constructor(options: DeviceBoxesOptions) {
    this.#options = options;
  }

  /** Keeps a frame for its device; durable when resolved. */
  async append(header: RoutedHeader & { readonly toDevice: string }, bytes: Uint8Array): Promise<void> {
    const { log, mostFrames } = this.#options;
    const box = keys.deviceBox(header.toMember, header.toDevice);
    const { offset, duplicate } = await log.append(box, bytes, { dedupeKey: `${header.fromDevice}.${header.frameId}` });
    if (duplicate) return;
    const offsets = await this.#offsets(box, offset);
    const over = offsets.length - mostFrames;
    if (over > 0) await log.trim(box, offsets.splice(0, over).at(-1) ?? 0);
  }

  /** Where the frames of a box lie, with the newest one. */
  async #offsets(box: string, newest: number): Promise<number[]> {
    const known = this.#held.get(box);
    if (known !== undefined) {
      known.push(newest);
      return known;
    }
    const offsets: number[] = [];
    for (let from = 1, complete = false; !complete;) {
      const page = await this.#options.log.read(box, { from });
      offsets.push(...page.entries.map(({ offset }) => offset));
      ({ complete, next: from } = page);
    }
    if (this.#held.size >= mostBoxes) this.#held.delete(this.#held.keys().next().value ?? "");
    this.#held.set(box, offsets);
    return offsets;
  }

  /** Hands over what waits, and forgets it. */
  async drain(member: string, device: string, deliver: (delivery: Uint8Array) => void): Promise<void> {
    const { log, clock } = this.#options;
    const box = keys.deviceBox(member, device);
    for (let from = 1; ;) {
      const page = await log.read(box, { from, maxBytes: limits.routedFrameBytes * 8 });
      for (const { bytes } of page.entries)
        if (!isOver(expiryOf(bytes), clock.now())) deliver(encodeDelivery({ mailbox: undefined, frame: bytes }));
      if (page.entries.length > 0) await log.trim(box, page.next - 1);
      this.#held.delete(box);
      if (page.complete) return;
      from = page.next;
    }
  }

  /** Drops what waits for a device that is gone, or for all of a member's. */
  async remove(member: string, device?: string): Promise<void> {
    if (device !== undefined) return this.#remove(keys.deviceBox(member, device));
    for (let complete = false; !complete;) {
      const page = await this.#options.log.streams(keys.deviceBoxes(member));
      for (const name of page.names) await this.#remove(name);
      complete = page.complete;
    }
  }

  /** A box that is made again later counts its places anew. */
  async #remove(box: string): Promise<void> {
    this.#held.delete(box);
    await this.#options.log.remove(box);
    this.#held.delete(box);
  }

  /** Forgets boxes whose newest frame has expired. */
  async sweep(): Promise<void> {
    const { log, clock } = this.#options;
    for (let after: string | undefined; ;) {
      const page = await log.streams(keys.allDeviceBoxes, after === undefined ? {} : { after });
      for (const name of page.names) {
        const { last } = await log.bounds(name);
        const [newest] = last === 0 ? [] : (await log.read(name, { from: last, limit: 1 })).entries;
        if (newest === undefined || isOver(expiryOf(newest.bytes), clock.now())) await this.#remove(name);
      }
      after = page.names.at(-1);
      if (page.complete || after === undefined) return;
    }
  }
}

/** Whether a stored frame is for one device only. */
export function isForDevice<Header extends RoutedHeader>(
  header: Header,
): header is Header & { readonly toDevice: string } {
  return header.toDevice !== undefined;
}
