/**
 * The stream of a node's audit log: the entries of one commit are one entry of the Log, a line each, so that a commit is there
 * whole or not at all. The chain goes on from what is in the store, whoever wrote it.
 */
import { type AuditPlace, auditStart, type Log, sha256 } from "@parley/core";
import { type AuditEntry, encodeAuditEntry, isParleyError, limits, ParleyError } from "@parley/protocol";

import { keys } from "../keys.ts";

/** An entry before it has its place in the chain. */
export type AuditDraft = Omit<AuditEntry, "seq" | "before" | "node">;

/** The newest entry, and how the stream stands. */
export interface AuditTail extends AuditPlace {
  readonly epoch: string;
  /** The `last` of the stream. */
  readonly last: number;
}

/** Lines as they are kept, each with its number in order. */
export interface AuditLines {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  /** Where the Log goes on. */
  readonly next: number;
  readonly complete: boolean;
}

/** Another writer between, or a store that refuses for no reason. */
const mostTries = 48;
/** Entries of the Log read at once. */
const pageEntries = 64;
const pageBytes = 262_144;
/** Ends of pages remembered, so that a reader who goes on is not looked for. */
const mostBookmarks = 64;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class AuditLog {
  readonly #log: Log;
  readonly #node: string;
  readonly #stream: string;
  #tail: AuditTail | undefined;
  #first = 1;
  #appending: Promise<void> = Promise.resolve();
  readonly #bookmarks = new Map<number, number>();

  constructor(log: Log, node: string) {
    this.#log = log;
    this.#node = node;
    this.#stream = keys.audit(node);
  }

  /** Reads where the log stands. `trimmed`: the newest place that a checkpoint names. */
  async open(trimmed: AuditPlace | undefined): Promise<void> {
    await this.#load(trimmed);
    this.#first = (await this.#firstLine()) ?? this.tail.number + 1;
  }

  /** Throws `draining` before `open`. */
  get tail(): AuditTail {
    if (this.#tail === undefined) throw new ParleyError("draining");
    return this.#tail;
  }

  /** Number of the oldest entry; one above the newest when there is none. */
  get first(): number {
    return this.#first;
  }

  get size(): number {
    return this.tail.number - this.#first + 1;
  }

  /** Appends entries in one commit. One after the other: a head never goes back. */
  append(drafts: readonly AuditDraft[]): Promise<void> {
    const appended = this.#appending.then(() => this.#append(drafts));
    this.#appending = appended.catch(() => undefined);
    return appended;
  }

  async #append(drafts: readonly AuditDraft[]): Promise<void> {
    for (let tries = 0; tries < mostTries; tries++) {
      const { texts, end } = await this.#chained(drafts);
      const before = this.tail;
      try {
        const { offset } = await this.#log.append(this.#stream, encoder.encode(texts.join("\n")), {
          ifLast: before.last,
        });
        this.#tail = { ...before, ...end, last: offset };
        return;
      } catch (error) {
        // Whether it was kept is open until it is looked for.
        await this.#load(undefined);
        if (this.tail.hash === end.hash) return;
        if (!isParleyError(error) || error.code !== "conflict") throw error;
      }
    }
    throw new ParleyError("conflict");
  }

  /** The lines after a number, in order; numbers are counted, so that a line that was altered is still given as it is. */
  async after(number: number): Promise<AuditLines> {
    const begin = this.#bookmarks.get(number) ?? (await this.#offsetOf(number + 1));
    const page = await this.#log.read(this.#stream, { from: begin, limit: pageEntries, maxBytes: pageBytes });
    const lines: { number: number; text: string }[] = [];
    let counted = this.#bookmarks.has(number) ? number + 1 : undefined;
    for (const { bytes } of page.entries)
      for (const text of decoder.decode(bytes).split("\n")) {
        counted ??= numberIn(text) ?? number + 1;
        if (counted > number) lines.push({ number: counted, text });
        counted++;
      }
    const last = lines.at(-1)?.number;
    if (last !== undefined) this.#remember(last, page.next);
    return { lines, next: page.next, complete: page.complete };
  }

  /** The last entry of the commit that holds this number, or of one before it: where the log may be cut. */
  async cut(number: number): Promise<(AuditPlace & { readonly offset: number }) | undefined> {
    const { entries } = await this.#log.read(this.#stream, { from: await this.#offsetOf(number), limit: 1 });
    const [entry] = entries;
    if (entry === undefined) return undefined;
    const lines = decoder.decode(entry.bytes).split("\n");
    const begin = numberIn(lines[0] ?? "");
    const text = lines.at(-1) ?? "";
    return begin === undefined
      ? undefined
      : { number: begin + lines.length - 1, hash: await sha256(text), offset: entry.offset };
  }

  /** Takes away everything up to a place that `cut` gave. */
  async trim({ number, offset }: { readonly number: number; readonly offset: number }): Promise<void> {
    await this.#log.trim(this.#stream, offset);
    this.#first = number + 1;
    this.#bookmarks.clear();
  }

  /** When the oldest entry was written; undefined when it cannot be read. */
  async oldest(): Promise<number | undefined> {
    const { entries } = await this.#log.read(this.#stream, { limit: 1 });
    return entries[0]?.at;
  }

  /** The number of the last entry of a commit that was kept before a time; undefined when there is none. */
  async lastBefore(time: number): Promise<number | undefined> {
    const bounds = await this.#log.bounds(this.#stream);
    let [low, high] = [bounds.first, bounds.last];
    let found: number | undefined;
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const { entries } = await this.#log.read(this.#stream, { from: middle, limit: 1 });
      const [entry] = entries;
      if (entry === undefined || entry.at >= time) high = middle - 1;
      else {
        found = numberIn(decoder.decode(entry.bytes).split("\n").at(-1) ?? "") ?? found;
        low = entry.offset + 1;
      }
    }
    return found;
  }

  async #chained(
    drafts: readonly AuditDraft[],
  ): Promise<{ readonly texts: readonly string[]; readonly end: AuditPlace }> {
    let { number, hash }: AuditPlace = this.tail;
    const texts: string[] = [];
    for (const draft of drafts) {
      const text = encodeAuditEntry({ ...draft, seq: ++number, node: this.#node, before: hash });
      if (text.length > limits.auditEntryBytes) throw new ParleyError("too_large");
      hash = await sha256(text);
      texts.push(text);
    }
    return { texts, end: { number, hash } };
  }

  async #load(trimmed: AuditPlace | undefined): Promise<void> {
    const { epoch, first, last } = await this.#log.bounds(this.#stream);
    const place = last >= first ? await this.#placeAt(last) : undefined;
    this.#tail = { ...(place ?? trimmed ?? (await auditStart(this.#node))), epoch, last };
  }

  /** The last line of the entry of the Log at this offset. */
  async #placeAt(offset: number): Promise<AuditPlace | undefined> {
    const { entries } = await this.#log.read(this.#stream, { from: offset, limit: 1 });
    const [entry] = entries;
    if (entry === undefined) return undefined;
    const lines = decoder.decode(entry.bytes).split("\n");
    const text = lines.at(-1) ?? "";
    const number = numberIn(text) ?? (await this.#count());
    return { number, hash: await sha256(text) };
  }

  /** Where an altered last line leaves its number open: counted from the beginning. */
  async #count(): Promise<number> {
    let number: number | undefined;
    for (let from = 1; ;) {
      const page = await this.#log.read(this.#stream, { from });
      for (const { bytes } of page.entries)
        for (const text of decoder.decode(bytes).split("\n"))
          number = number === undefined ? (numberIn(text) ?? 1) : number + 1;
      if (page.complete) return number ?? 0;
      from = page.next;
    }
  }

  async #firstLine(): Promise<number | undefined> {
    const { entries } = await this.#log.read(this.#stream, { limit: 1 });
    const [entry] = entries;
    return entry === undefined ? undefined : numberIn(decoder.decode(entry.bytes).split("\n")[0] ?? "");
  }

  /** The offset of the entry of the Log that holds a number, by halving; offsets are in order and not dense. */
  async #offsetOf(number: number): Promise<number> {
    const bounds = await this.#log.bounds(this.#stream);
    let [low, high] = [bounds.first, bounds.last];
    let found = low;
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const { entries } = await this.#log.read(this.#stream, { from: middle, limit: 1 });
      const [entry] = entries;
      const begin = entry === undefined ? undefined : numberIn(decoder.decode(entry.bytes).split("\n")[0] ?? "");
      if (entry === undefined || begin === undefined || begin > number) high = middle - 1;
      else {
        found = entry.offset;
        low = entry.offset + 1;
      }
    }
    return found;
  }

  #remember(number: number, next: number): void {
    if (this.#bookmarks.size >= mostBookmarks) this.#bookmarks.delete(this.#bookmarks.keys().next().value ?? 0);
    this.#bookmarks.set(number, next);
  }
}

/** The number that a line gives itself, as far as it can be read. */
function numberIn(text: string): number | undefined {
  const match = /"seq":(\d{1,15})[,}]/.exec(text);
  return match === null ? undefined : Number(match[1]);
}
