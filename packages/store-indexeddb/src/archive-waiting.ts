import type { ArchivedMessage, WaitingChange } from "@parley/core";
import { jsonBytes, maxWaitingBytes, maxWaitingChanges, withWaiting } from "@parley/core";

import type { WaitingRow } from "./archive-shape.ts";
import type { Transaction } from "./database.ts";
import type { Tally } from "./tally.ts";

/** Keeps a change whose message is not there, or not open. */
export async function addWaiting(
  transaction: Transaction,
  tally: Tally,
  conversation: number,
  change: WaitingChange,
): Promise<void> {
  const row: WaitingRow = {
    place: tally.next("place"),
    conversation,
    of: change.of,
    bytes: jsonBytes(change),
    change,
  };
  transaction.put("waiting", row);
  const rows = await transaction.by<WaitingRow>("waiting", "conversation", IDBKeyRange.only(conversation));
  let bytes = 0;
  for (const [index, each] of rows.toReversed().entries()) {
    bytes += each.bytes;
    if (index >= maxWaitingChanges || bytes > maxWaitingBytes) transaction.delete("waiting", each.place);
  }
}

/** The message after what waited for it. */
export async function afterWaiting(
  transaction: Transaction,
  conversation: number,
  message: ArchivedMessage,
): Promise<ArchivedMessage> {
  const rows = await transaction.by<WaitingRow>("waiting", "of", IDBKeyRange.only([conversation, message.id]));
  if (rows.length === 0) return message;
  const applied = withWaiting(
    message,
    rows.map(({ change }) => change),
  );
  for (const [index, { place }] of rows.entries())
    if (!applied.left.includes(index)) transaction.delete("waiting", place);
  return applied.message;
}
