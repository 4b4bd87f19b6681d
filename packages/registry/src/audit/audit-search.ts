/** Finds entries of the log for whoever asks: pages of those that fit, forwards or backwards, a bounded look at a time. */
import { type AuditEntry, decodeAuditEntry, limits, type RequestBody } from "@parley/protocol";

import { pageCharacters } from "../page-room.ts";
import type { AuditLog } from "./audit-log.ts";

type Query = RequestBody<"audit.list">;

export interface FoundEntries {
  readonly entries: string[];
  readonly first: number;
  readonly last: number;
  readonly next?: number;
}

/** Entries looked at for one page: whoever wants more goes on from `next`. */
const mostLooked = 10_000;
/** Entries read at once when going backwards. */
const stepBack = 256;

export async function searchAudit(log: AuditLog, query: Query): Promise<FoundEntries> {
  const { number: last } = log.tail;
  const { first } = log;
  const page = new Page(query);
  const next =
    query.before === undefined
      ? await forwards(log, Math.max(query.after ?? 0, first - 1), last, page)
      : await backwards(log, Math.min(query.before, last + 1), first, page);
  return { entries: page.entries, first, last, ...(next === undefined ? {} : { next }) };
}

/** Answers the `after` that goes on. */
async function forwards(log: AuditLog, after: number, last: number, page: Page): Promise<number | undefined> {
  let at = after;
  while (at < last && page.looked < mostLooked) {
    const { lines } = await log.after(at);
    if (lines.length === 0) return undefined;
    for (const { number, text } of lines) {
      if (!page.take(text)) return at;
      at = number;
    }
  }
  return at < last ? at : undefined;
}

/** Answers the `before` that goes on. */
async function backwards(log: AuditLog, before: number, first: number, page: Page): Promise<number | undefined> {
  let at = before;
  while (at > first && page.looked < mostLooked) {
    const from = Math.max(first - 1, at - 1 - stepBack);
    const { lines } = await log.after(from);
    const below = lines.filter(({ number }) => number < at);
    const newest = below.at(-1);
    // The page of the store ended early: the rest of the step comes first.
    const rest = newest === undefined || newest.number === at - 1 ? [] : await restOf(log, newest.number, at);
    for (const { number, text } of [...below, ...rest].reverse()) {
      if (!page.take(text)) return at;
      at = number;
    }
    if (newest === undefined) return undefined;
  }
  return at > first ? at : undefined;
}

async function restOf(
  log: AuditLog,
  after: number,
  before: number,
): Promise<{ readonly number: number; readonly text: string }[]> {
  const rest: { readonly number: number; readonly text: string }[] = [];
  for (let at = after; at < before - 1;) {
    const { lines } = await log.after(at);
    const below = lines.filter(({ number }) => number < before);
    rest.push(...below);
    const newest = below.at(-1)?.number;
    if (newest === undefined) break;
    at = newest;
  }
  return rest;
}

class Page {
  readonly entries: string[] = [];
  looked = 0;
  readonly #query: Query;
  #characters = 0;

  constructor(query: Query) {
    this.#query = query;
  }

  /** False when the page is full: the line is for the next one. */
  take(text: string): boolean {
    if (this.looked >= mostLooked) return false;
    if (fits(text, this.#query)) {
      const characters = JSON.stringify(text).length + 1;
      const isFull = this.entries.length >= (this.#query.limit ?? limits.auditPage);
      if (isFull || (this.entries.length > 0 && this.#characters + characters > pageCharacters)) return false;
      this.#characters += characters;
      // What was made longer behind the node's back is cut: it does not fit its hash either way.
      this.entries.push(text.slice(0, 4 * limits.auditEntryBytes));
    }
    this.looked++;
    return true;
  }
}

/** Without a filter every line fits, also one that cannot be read. */
function fits(text: string, { act, by, since, until }: Query): boolean {
  if (act === undefined && by === undefined && since === undefined && until === undefined) return true;
  const entry = decodeAuditEntry(text);
  if (!entry.ok) return false;
  const { value } = entry;
  const fitsAct = act === undefined || value.act === act || (!act.includes(".") && value.act.startsWith(`${act}.`));
  return (
    fitsAct &&
    (by === undefined || namesOf(value).includes(by)) &&
    (since === undefined || value.at >= since) &&
    (until === undefined || value.at < until)
  );
}

function namesOf({ by }: AuditEntry): readonly (string | undefined)[] {
  if ("member" in by) return [by.member, by.device];
  if ("operator" in by) return [by.operator];
  return "address" in by ? [by.address] : [by.node];
}
