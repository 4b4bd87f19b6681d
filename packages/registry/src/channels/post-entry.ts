import type { StoredPost } from "@parley/protocol";

const timeBytes = 6;

/** A post as it lies in a channel's log: `at(6) statement`. The time is in it so that the author is told the one that readers see. */
export function encodePostEntry(at: number, statement: Uint8Array): Uint8Array {
  const entry = new Uint8Array(timeBytes + statement.length);
  const view = new DataView(entry.buffer);
  view.setUint16(0, Math.floor(at / 2 ** 32));
  view.setUint32(2, at % 2 ** 32);
  entry.set(statement, timeBytes);
  return entry;
}

/** The statement shares the memory of the entry. */
export function decodePostEntry(offset: number, entry: Uint8Array): StoredPost {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const at = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
  return { offset, at, statement: entry.subarray(timeBytes) };
}
