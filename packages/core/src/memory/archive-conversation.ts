import type { ArchivedMessage, ConversationSummary } from "../ports/archive.ts";

/** What is known of a conversation beside its messages. */
export interface ConversationCounts {
  readonly conversation: string;
  messages: number;
  unread: number;
  mentions: number;
  read: number;
  mark: string | undefined;
  /** The highest `sort` that was ever there. */
  lastSort: number;
  /** Goes up over all conversations, with each new last message. */
  touched: number;
}

export const newConversation = (conversation: string, touched: number): ConversationCounts => ({
  conversation,
  messages: 0,
  unread: 0,
  mentions: 0,
  read: 0,
  mark: undefined,
  lastSort: 0,
  touched,
});

type Counted = Pick<ArchivedMessage, "own" | "mentioned" | "sort">;

/** Counts a message that came, or with -1 one that went. */
export function countMessage(counts: ConversationCounts, message: Counted, step: 1 | -1): void {
  counts.messages += step;
  if (message.own || message.sort <= counts.read) return;
  counts.unread += step;
  if (message.mentioned === true) counts.mentions += step;
}

/** Counts a message whose content could be opened and turned out to call this member, or not to. */
export function recountMentioned(counts: ConversationCounts, before: Counted, after: Counted): void {
  if (after.own || after.sort <= counts.read) return;
  counts.mentions += Number(after.mentioned === true) - Number(before.mentioned === true);
}

export const isListed = ({ messages, mark }: ConversationCounts): boolean => messages > 0 || mark !== undefined;

export function summaryOf(counts: ConversationCounts, last: ArchivedMessage | undefined): ConversationSummary {
  const { conversation, messages, unread, mentions, read, mark } = counts;
  return { conversation, messages, unread, mentions, read, last, mark };
}
