import type { Clock, Records } from "@parley/core";
import {
  type DeadLetter,
  decodeRoutedFrame,
  type ErrorCode,
  errorCodeSchema,
  fromBase64url,
  id32Schema,
  ParleyError,
  toBase64url,
} from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";

const letterSchema = z.object({
  at: z.int().min(0),
  code: errorCodeSchema,
  device: id32Schema,
  /** Base64url of the routed frame. */
  frame: z.string(),
});
type StoredLetter = z.infer<typeof letterSchema>;

/** Members whose letters are counted in memory. */
const mostCounted = 1000;
/** Letters that one sweep looks at; the next goes on behind them. */
const lettersPerSweep = 64;

/**
 * Frames that a device could never take, by their place in the mailbox: still sealed, until somebody drops them, puts
 * them back, or they expire. Records and not a log: they leave in any order.
 */
export class DeadLetters {
  readonly #records: Records;
  readonly #letters: JsonRecords<StoredLetter>;
  readonly #clock: Clock;
  readonly #most: number;
  readonly #offsets = new Map<string, Promise<number[]>>();
  #sweptTo: string | undefined;

  constructor(records: Records, clock: Clock, most: number) {
    this.#records = records;
    this.#letters = new JsonRecords(records, letterSchema);
    this.#clock = clock;
    this.#most = most;
  }

  /** Keeps a frame; again is nothing new, and answers false. The oldest gives way. */
  async bury(member: string, offset: number, frame: Uint8Array, device: string, code: ErrorCode): Promise<boolean> {
    const offsets = await this.#offsetsOf(member);
    await this.#letters.change(keys.deadLetter(member, offset), (current) =>
      current === undefined ? { at: this.#clock.now(), code, device, frame: toBase64url(frame) } : undefined,
    );
    const isNew = !offsets.includes(offset);
    if (isNew) offsets.push(offset);
    offsets.sort((one, other) => one - other);
    while (offsets.length > this.#most) await this.#drop(member, offsets.shift() ?? 0);
    return isNew;
  }

  /** A page of those that have not expired, oldest first. */
  async list(member: string, limit: number, after?: number): Promise<{ letters: DeadLetter[]; next?: number }> {
    const prefix = `${prefixes.deadLetter}${member}/`;
    const letters: DeadLetter[] = [];
    const from = after === undefined ? undefined : keys.deadLetter(member, after);
    for await (const { key, value } of this.#letters.all(prefix, this.#most, from)) {
      const letter = describe(Number(afterPrefix(key, prefix)), value);
      if (letter === undefined || this.#isOver(letter.expires)) continue;
      const last = letters.at(-1);
      if (letters.length >= limit && last !== undefined) return { letters, next: last.offset };
      letters.push(letter);
    }
    return { letters };
  }

  /** The frame of a letter. Throws `not_found` or `expired`. */
  async frame(member: string, offset: number): Promise<Uint8Array> {
    const kept = await this.#letters.get(keys.deadLetter(member, offset));
    const bytes = kept === undefined ? undefined : fromBase64url(kept.value.frame);
    if (bytes === undefined) throw new ParleyError("not_found", { message: "There is no dead letter at this offset." });
    const frame = decodeRoutedFrame(bytes);
    if (frame.ok && this.#isOver(frame.value.expires)) throw new ParleyError("expired");
    return bytes;
  }

  /** How many of these there were. */
  async remove(member: string, wanted: readonly number[]): Promise<number> {
    const offsets = await this.#offsetsOf(member);
    let removed = 0;
    for (const offset of new Set(wanted)) {
      const at = offsets.indexOf(offset);
      if (at === -1) continue;
      offsets.splice(at, 1);
      await this.#drop(member, offset);
      removed++;
    }
    return removed;
  }

  /** With their member. */
  async removeAll(member: string): Promise<void> {
    const offsets = await this.#offsetsOf(member);
    for (const offset of offsets.splice(0)) await this.#drop(member, offset);
    this.#offsets.delete(member);
  }

  /** Drops some of what expired. */
  async sweep(): Promise<void> {
    const page = await this.#records.list(prefixes.deadLetter, {
      limit: lettersPerSweep,
      ...(this.#sweptTo === undefined ? {} : { after: this.#sweptTo }),
    });
    this.#sweptTo = page.complete ? undefined : page.records.at(-1)?.key;
    for (const { key, value } of page.records) {
      const [member = "", offset = "0"] = afterPrefix(key, prefixes.deadLetter).split("/");
      const stored = this.#letters.decode(value);
      const letter = stored === undefined ? undefined : describe(Number(offset), stored);
      if (letter !== undefined && this.#isOver(letter.expires)) await this.remove(member, [letter.offset]);
    }
  }

  #isOver(expires: number): boolean {
    return expires !== 0 && expires <= this.#clock.now();
  }

  async #drop(member: string, offset: number): Promise<void> {
    await this.#records.delete(keys.deadLetter(member, offset));
  }

  #offsetsOf(member: string): Promise<number[]> {
    const known = this.#offsets.get(member);
    if (known !== undefined) return known;
    if (this.#offsets.size >= mostCounted) this.#offsets.delete(this.#offsets.keys().next().value ?? "");
    const counted = this.#count(member);
    this.#offsets.set(member, counted);
    counted.catch(() => this.#offsets.delete(member));
    return counted;
  }

  async #count(member: string): Promise<number[]> {
    const prefix = `${prefixes.deadLetter}${member}/`;
    const offsets: number[] = [];
    for (let after: string | undefined; ;) {
      const page = await this.#records.list(prefix, after === undefined ? {} : { after });
      for (const { key } of page.records) offsets.push(Number(afterPrefix(key, prefix)));
      after = page.records.at(-1)?.key;
      if (page.complete || after === undefined) return offsets;
    }
  }
}

function describe(offset: number, { at, code, device, frame }: StoredLetter): DeadLetter | undefined {
  const bytes = fromBase64url(frame);
  const decoded = bytes === undefined ? undefined : decodeRoutedFrame(bytes);
  if (bytes === undefined || decoded?.ok !== true) return undefined;
  const { fromMember, fromDevice, frameId, expires } = decoded.value;
  return { offset, at, code, device, fromMember, fromDevice, frame: frameId, bytes: bytes.length, expires };
}
