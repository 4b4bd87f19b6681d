/** What is shown of remembered messages in a list, and how much of it on a line. */
import type { DeliveryView } from "@parley/client";
import type { DeadLetter } from "@parley/protocol";

import { formatBytes } from "./attachment-view.ts";
import { mailboxReference, shortReference } from "./delivery-reference.ts";
import { shortId } from "./member-table.ts";
import { formatMoment } from "./moment.ts";
import { shorten } from "./presenter.ts";

/** Text where no terminal says how much fits. */
const textCharacters = 60;
/** Below these, some columns are left out. */
const wide = 92;
const medium = 76;

export interface DeliveryTable {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

type Cells = Readonly<Record<"id" | "way" | "member" | "state" | "path" | "when" | "size" | "text", string>>;
type Column = keyof Cells;

const headings: Readonly<Record<Column, string>> = {
  id: "ID",
  way: "WAY",
  member: "WITH",
  state: "STATE",
  path: "PATH",
  when: "WHEN",
  size: "SIZE",
  text: "TEXT",
};

/** `columns` is what a line of the terminal holds; undefined where there is none. */
export function deliveryTable(
  records: readonly DeliveryView[],
  letters: readonly { readonly letter: DeadLetter; readonly name: string | undefined }[],
  columns: number | undefined,
  now: number,
): DeliveryTable {
  const cells = [
    ...records.map((record) => deliveryCells(record, now)),
    ...letters.map(({ letter, name }) => letterCells(letter, name, now)),
  ];
  const shown = shownColumns(columns);
  return {
    headings: shown.map((column) => headings[column]),
    rows: cells.map((row) =>
      shown.map((column) =>
        column === "text" && columns === undefined ? shorten(row.text, textCharacters) : row[column],
      ),
    ),
  };
}

function shownColumns(columns = Infinity): readonly Column[] {
  return [
    "id",
    "way",
    "member",
    "state",
    ...(columns >= medium ? (["path"] as const) : []),
    "when",
    ...(columns >= wide ? (["size"] as const) : []),
    "text",
  ];
}

export const nameOf = (name: string | undefined, member: string): string =>
  name === undefined ? shortId(member) : `@${name}`;

function deliveryCells(record: DeliveryView, now: number): Cells {
  const { id, direction, name, member, state, facts, bytes, text } = record;
  const newest = facts.at(-1);
  const path = facts.findLast((fact) => fact.path !== undefined)?.path;
  return {
    id: shortReference(id),
    way: direction,
    member: nameOf(name, member),
    state,
    path: path ?? "",
    when: formatMoment(newest?.at ?? record.created, now),
    size: formatBytes(bytes),
    text: text ?? "(not a message)",
  };
}

function letterCells(
  { offset, fromMember, code, at, bytes }: DeadLetter,
  name: string | undefined,
  now: number,
): Cells {
  return {
    id: mailboxReference(offset),
    way: "in",
    member: nameOf(name, fromMember),
    state: "dead-lettered",
    path: "mailbox",
    when: formatMoment(at, now),
    size: formatBytes(bytes),
    text: `(sealed, at the registry: ${code})`,
  };
}
