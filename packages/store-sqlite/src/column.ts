import type { SQLOutputValue } from "node:sqlite";

import { ParleyError } from "@parley/protocol";

/** A row as `node:sqlite` gives it. */
export type Row = Record<string, SQLOutputValue>;

const damaged = (name: string): ParleyError =>
  new ParleyError("storage_unavailable", {
    message: `The column ${name} holds something else than it should; restore a backup.`,
    data: { reason: "corrupt" },
  });

export function numberIn(row: Row, name: string): number {
  const value = row[name];
  if (typeof value !== "number") throw damaged(name);
  return value;
}

export function textIn(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== "string") throw damaged(name);
  return value;
}

export function bytesIn(row: Row, name: string): Uint8Array {
  const value = row[name];
  if (!(value instanceof Uint8Array)) throw damaged(name);
  return value;
}

export function optionalNumberIn(row: Row, name: string): number | undefined {
  return row[name] === null ? undefined : numberIn(row, name);
}

export function optionalTextIn(row: Row, name: string): string | undefined {
  return row[name] === null ? undefined : textIn(row, name);
}
