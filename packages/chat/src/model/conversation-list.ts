import type { ChatState, Conversation } from "./chat-state.ts";

export interface ConversationSection {
  readonly title: "Channels" | "Direct messages" | "Requests";
  readonly conversations: readonly Conversation[];
}

/** Strangers who wait to be accepted stand apart, and so do invitations; a blocked member does not stand anywhere. */
export function sectionsOf({ conversations }: ChatState): readonly ConversationSection[] {
  const all = [...conversations.values()];
  const direct = all.filter(({ kind, contact }) => kind === "direct" && contact?.standing !== "blocked");
  const isRequest = ({ contact }: Conversation): boolean => contact?.standing === "request";
  const isInvitation = ({ channel }: Conversation): boolean =>
    channel?.kind === "invite" && !channel.joined && channel.open;
  const channels = all
    .filter(({ kind, channel }) => kind === "channel" && channel?.archived === undefined)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return [
    {
      title: "Channels",
      conversations: channels.filter((one) => !isInvitation(one)),
    },
    { title: "Direct messages", conversations: direct.filter((one) => !isRequest(one)).toSorted(newestFirst) },
    {
      title: "Requests",
      conversations: [...channels.filter(isInvitation), ...direct.filter(isRequest).toSorted(newestFirst)],
    },
  ];
}

const newestFirst = (one: Conversation, other: Conversation): number =>
  other.active - one.active || (one.key < other.key ? -1 : 1);

/** In the order in which they are shown. */
export const listedConversations = (state: ChatState): readonly Conversation[] =>
  sectionsOf(state).flatMap(({ conversations }) => conversations);

/** The conversation so many places down the list, around its end. */
export function neighbourOf(state: ChatState, steps: number): string | undefined {
  const keys = listedConversations(state).map(({ key }) => key);
  if (keys.length === 0) return undefined;
  const at = state.current === undefined ? -1 : keys.indexOf(state.current);
  const from = at < 0 && steps < 0 ? 0 : at;
  return keys[(from + steps + keys.length) % keys.length];
}

/** The next one down the list with something that was not read; those that call first. */
export function nextUnread(state: ChatState): string | undefined {
  const listed = listedConversations(state);
  const at = listed.findIndex(({ key }) => key === state.current);
  const around = [...listed.slice(at + 1), ...listed.slice(0, Math.max(0, at))];
  return (around.find(({ mentions }) => mentions > 0) ?? around.find(({ unread }) => unread > 0))?.key;
}
