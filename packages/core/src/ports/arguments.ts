import { ParleyError } from "@parley/protocol";

import type { AppendOptions, ReadOptions } from "./log.ts";
import { maxDedupeKeyLength, maxLogEntryBytes, maxLogReadBytes, maxLogReadEntries } from "./log.ts";
import { maxRecordBytes } from "./records.ts";
import { checkStoreName, checkStorePrefix } from "./store-name.ts";

/** Checks of arguments that every adapter makes, so that all of them refuse the same calls with the same codes. */

/** Throws `too_large` beyond `maxBytes`. */
export function checkSize(what: string, bytes: Uint8Array, maxBytes: number): void {
  if (bytes.byteLength <= maxBytes) return;
  throw new ParleyError("too_large", {
    message: `The ${what} has ${bytes.byteLength} bytes; the limit is ${maxBytes}.`,
    data: { bytes: bytes.byteLength, maxBytes },
  });
}

/** Throws `invalid_argument` unless it is a safe integer of at least `least`. */
export function checkWhole(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ParleyError("invalid_argument", { message: `The ${what} must be a whole number from ${least}.` });
}

/** Throws `invalid_argument` unless it has 1 to `most` characters. */
export function checkText(what: string, text: string, most: number): void {
  if (text.length >= 1 && text.length <= most) return;
  throw new ParleyError("invalid_argument", { message: `The ${what} must have 1 to ${most} characters.` });
}

/** A limit from a caller: the default if absent, clamped to the most. Throws `invalid_argument` below 1. */
function clampLimit(what: string, value: number | undefined, byDefault: number, most: number): number {
  if (value === undefined) return Math.min(byDefault, most);
  checkWhole(what, value, 1);
  return Math.min(value, most);
}

const defaultPage = 256;
const defaultReadBytes = 1_048_576;

export function checkAppend(stream: string, entry: Uint8Array, options: AppendOptions): void {
  checkStoreName("stream", stream);
  checkSize("log entry", entry, maxLogEntryBytes);
  if (options.dedupeKey !== undefined) checkText("dedupe key", options.dedupeKey, maxDedupeKeyLength);
  if (options.ifLast !== undefined) checkWhole("expected last offset", options.ifLast, 0);
}

/** The read with every default filled in. */
export function checkRead(stream: string, options: ReadOptions): Required<ReadOptions> {
  checkStoreName("stream", stream);
  const from = options.from ?? 1;
  checkWhole("first offset", from, 1);
  return {
    from,
    limit: clampLimit("limit", options.limit, defaultPage, maxLogReadEntries),
    maxBytes: clampLimit("byte limit", options.maxBytes, defaultReadBytes, maxLogReadBytes),
  };
}

/** A page of names or records: the limit to use and the name after which to start. */
export function checkPage(
  prefix: string,
  options: { readonly limit?: number; readonly after?: string },
  most: number,
): { limit: number; after: string } {
  checkStorePrefix(prefix);
  if (options.after !== undefined && options.after !== "") checkStoreName("page start", options.after);
  return { limit: clampLimit("limit", options.limit, defaultPage, most), after: options.after ?? "" };
}

export function checkRecord(key: string, value: Uint8Array): void {
  checkStoreName("key", key);
  checkSize("record", value, maxRecordBytes);
}
