import type { SQLInputValue } from "node:sqlite";

import type { DeliveryFact, KnownFact } from "@parley/core";
import type { DeliveryState, Path } from "@parley/protocol";
import { isErrorCode, ParleyError } from "@parley/protocol";

import type { Row } from "./column.ts";
import { bytesIn, numberIn, textIn } from "./column.ts";

/** States and paths by their number in a file. Only ever appended to. */
const states: readonly DeliveryState[] = [
  "accepted",
  "stored",
  "delivered",
  "expired",
  "handled",
  "refused",
  "dead-lettered",
  "read",
];
const paths: readonly (Path | undefined)[] = [undefined, "direct", "turn", "relay", "mailbox"];

/** The columns of a fact beside its state, in the order of `factValues`. */
export const factColumns = "at, path, device, code, reason, via, receipt";

export const stateCode = (state: DeliveryState): number => states.indexOf(state);
export const pathCode = (path: Path | undefined): number => paths.indexOf(path);
export const pathOf = (code: number): Path | undefined => paths[code];

export function factValues(
  { at, path, device, code, reason, via }: DeliveryFact,
  receipt?: Uint8Array,
): SQLInputValue[] {
  return [at, pathCode(path), device ?? null, code ?? null, reason ?? null, via ?? null, receipt ?? null];
}

export function factOf(row: Row): KnownFact {
  const state = states[numberIn(row, "state")];
  if (state === undefined) throw new ParleyError("storage_unavailable", { data: { reason: "corrupt" } });
  const path = pathOf(numberIn(row, "path"));
  const text = (name: string): string | undefined => (row[name] === null ? undefined : textIn(row, name));
  const [device, code, reason, via] = ["device", "code", "reason", "via"].map(text);
  const fact: DeliveryFact = {
    state,
    at: numberIn(row, "at"),
    ...(path === undefined ? {} : { path }),
    ...(device === undefined ? {} : { device }),
    ...(code === undefined || !isErrorCode(code) ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
    ...(via === undefined ? {} : { via }),
  };
  return { fact, receipt: row["receipt"] === null ? undefined : bytesIn(row, "receipt") };
}
