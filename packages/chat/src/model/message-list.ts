import type { ArchivedMessage } from "@parley/core";
import { textContent } from "@parley/protocol";

/** Messages of one conversation that are kept in memory; older ones are in the archive only. */
export const mostLoaded = 2000;

/** Puts messages into a list by `sort`, a newer form of one in the place of the older. */
export function mergeMessages(
  list: readonly ArchivedMessage[],
  added: readonly ArchivedMessage[],
): readonly ArchivedMessage[] {
  if (added.length === 0) return list;
  const last = list.at(-1);
  const first = added[0];
  if (added.length === 1 && first !== undefined && (last === undefined || first.sort > last.sort)) {
    if (!list.some(({ id }) => id === first.id)) return [...list, first];
  }
  const byId = new Map(list.map((message) => [message.id, message]));
  for (const message of added) byId.set(message.id, message);
  return [...byId.values()].toSorted((one, other) => one.sort - other.sort);
}

/** A newer form of a message that is there; the same list when it is not. */
export function replaceMessage(list: readonly ArchivedMessage[], message: ArchivedMessage): readonly ArchivedMessage[] {
  const at = list.findIndex(({ id }) => id === message.id);
  return at < 0 ? list : list.with(at, message);
}

/** The thread that a message belongs to: the id of its first message. */
export const threadOf = ({ content }: ArchivedMessage): string | undefined => textContent(content)?.thread;
