/** What each event of a device makes of a chat's state. No I/O, no time but what is handed in. */
import type { ChannelView, Delivery, DeviceEvent, Draft, PendingPost } from "@parley/client";
import type { ArchivedMessage, ConversationSummary } from "@parley/core";

import { channelGapWords, counted } from "../text/words.ts";
import { type ChatState, type Conversation, noConversation, type Notice, type Person } from "./chat-state.ts";
import { mergeMessages, mostLoaded, replaceMessage, threadOf } from "./message-list.ts";

/** Notices of one conversation; the oldest beyond go. */
const mostNotices = 100;
/** Conversations that a chat keeps; a device may remember more. */
const mostConversations = 2000;
/** Known members. */
const mostPeople = 10_000;

/** What an event makes of the state. `now`: ms since 1970. */
export function applyEvent(state: ChatState, event: DeviceEvent, now: number): ChatState {
  switch (event.type) {
    case "session":
      return {
        ...state,
        connection: {
          state: event.state,
          error: event.state === "connected" ? undefined : (event.error ?? state.connection.error),
          retryAt: event.retryInMs === undefined ? undefined : now + event.retryInMs,
        },
      };
    case "restricted":
      return { ...state, restriction: event.restriction };
    case "message":
      return withMessage(state, event.message, event.request);
    case "message-changed":
      return withChanged(state, event.message);
    case "read":
      return updated(state, event.conversation, (conversation) => withRead(conversation, event.upTo));
    case "typing":
      return updated(state, event.conversation, (conversation) => withTypist(conversation, event, event.writes));
    case "contact": {
      const { contact } = event;
      const named = contact.name === undefined ? {} : { name: contact.name };
      return updated(state, `@${contact.member}`, (conversation) => ({ ...conversation, ...named, contact }));
    }
    case "channel":
      return withChannelEvent(state, event, now);
    case "channel-gap":
      return updated(state, `#${event.channel}`, (conversation) =>
        withNotice(conversation, {
          kind: "gap",
          text: channelGapWords(event.from, event.to, event.reason),
          after: event.from - 1,
          at: now,
        }),
      );
    case "approval-asked":
      return { ...state, asked: new Map(state.asked).set(event.asked.request, event.asked) };
    case "approval-closed": {
      const asked = new Map(state.asked);
      return asked.delete(event.request) ? { ...state, asked } : state;
    }
    case "delivery":
      return withDelivery(state, event.delivery);
    case "gap":
      return updated(state, `@${event.member}`, (conversation) => withGap(conversation, event, now));
    default:
      return state;
  }
}

/** Changes one conversation, if it is there. */
export function updated(
  state: ChatState,
  key: string,
  change: (conversation: Conversation) => Conversation,
): ChatState {
  const conversation = state.conversations.get(key);
  if (conversation === undefined) return state;
  const next = change(conversation);
  return next === conversation ? state : { ...state, conversations: new Map(state.conversations).set(key, next) };
}

/** Adds a conversation if it is not there. */
export function ensured(state: ChatState, key: string, name: string): ChatState {
  if (state.conversations.has(key) || state.conversations.size >= mostConversations) return state;
  return { ...state, conversations: new Map(state.conversations).set(key, noConversation(key, name)) };
}

function withMessage(state: ChatState, message: ArchivedMessage, request: boolean): ChatState {
  const { conversation: key, author, name, own } = message;
  const known = withPerson(state, { member: author, name });
  const seen = ensured(known, key, key.startsWith("@") && !own ? name : key.slice(1, 9));
  const changed = updated(seen, key, (conversation) => {
    const isNew = !conversation.messages.some(({ id }) => id === message.id);
    const counts = isNew && !own && message.sort > conversation.read;
    return {
      ...conversation,
      ...(request && conversation.contact === undefined ? { contact: requestOf(author, name) } : {}),
      ...(conversation.loaded || conversation.loading ? withOne(conversation, message, isNew) : {}),
      waiting: conversation.waiting.filter(({ id }) => id !== message.id),
      active: Math.max(conversation.active, message.taken),
      unread: conversation.unread + (counts ? 1 : 0),
      mentions: conversation.mentions + (counts && message.mentioned === true ? 1 : 0),
      typing: conversation.typing.filter(({ member }) => member !== author),
    };
  });
  const { thread } = changed;
  if (thread === undefined || thread.conversation !== key || threadOf(message) !== thread.root) return changed;
  return { ...changed, thread: { ...thread, messages: mergeMessages(thread.messages, [message]) } };
}

/** One more message among those that are loaded; the oldest goes when there are too many. */
function withOne({ messages, older }: Conversation, message: ArchivedMessage, isNew: boolean) {
  const merged = mergeMessages(isNew ? withReply(messages, message) : messages, [message]);
  return { messages: merged.slice(-mostLoaded), older: older || merged.length > mostLoaded };
}

/** What became of a post that is not in its channel's history yet. */
function withDelivery(state: ChatState, { id, state: reached, path }: Delivery): ChatState {
  const found = [...state.conversations.values()].find(({ waiting }) => waiting.some((message) => message.id === id));
  if (found === undefined) return state;
  return updated(state, found.key, (one) => ({
    ...one,
    waiting: one.waiting.map((message) => (message.id === id ? { ...message, state: reached, path } : message)),
  }));
}

/** Posts that wait and are shown; the device keeps more. */
const mostWaiting = 200;

/** Shows a post that was accepted, until its place in the history is known. */
export function withWaiting(state: ChatState, key: string, id: string, draft: Draft, now: number): ChatState {
  const content = {
    type: "text",
    text: draft.text,
    ...(draft.thread === undefined ? {} : { thread: draft.thread }),
    ...(draft.answers === undefined ? {} : { answers: draft.answers }),
  };
  return updated(state, key, (one) =>
    withPending(state.me, one, [{ id, created: now, content, state: "accepted" as const }]),
  );
}

/** Shows posts that are not in the channel's history yet behind everything else. */
export function withPending(me: ChatState["me"], one: Conversation, posts: readonly PendingPost[]): Conversation {
  const known = new Set([...one.messages, ...one.waiting].map(({ id }) => id));
  const added = posts.filter(({ id }) => !known.has(id)).map((post) => waitingMessage(me, one, post));
  return added.length === 0 ? one : { ...one, waiting: [...one.waiting, ...added].slice(-mostWaiting) };
}

const waitingMessage = (
  me: ChatState["me"],
  { key, channel }: Conversation,
  { id, created, content, state }: PendingPost,
): ArchivedMessage => ({
  conversation: key,
  id,
  sort: Number.MAX_SAFE_INTEGER,
  author: me.member,
  name: me.name,
  device: undefined,
  created,
  taken: created,
  content,
  path: undefined,
  protection: channel?.encrypted === true ? "group" : "signed",
  state,
  own: true,
  edited: undefined,
  retracted: undefined,
  reactions: {},
  replies: 0,
});

/** One more answer to the first message of its thread. */
const withReply = (list: readonly ArchivedMessage[], reply: ArchivedMessage): readonly ArchivedMessage[] => {
  const root = list.find(({ id }) => id === threadOf(reply));
  return root === undefined ? list : replaceMessage(list, { ...root, replies: root.replies + 1 });
};

const requestOf = (member: string, name: string) =>
  ({ member, name, standing: "request", trust: "unverified", secret: "none" }) as const;

function withChanged(state: ChatState, message: ArchivedMessage): ChatState {
  const changed = updated(state, message.conversation, (conversation) => ({
    ...conversation,
    messages: replaceMessage(conversation.messages, message),
  }));
  const { thread } = changed;
  if (thread === undefined || thread.conversation !== message.conversation) return changed;
  return { ...changed, thread: { ...thread, messages: replaceMessage(thread.messages, message) } };
}

function withRead(conversation: Conversation, upTo: number): Conversation {
  if (upTo <= conversation.read) return conversation;
  const rest = conversation.messages.filter(({ sort, own }) => sort > upTo && !own);
  return {
    ...conversation,
    read: upTo,
    unread: Math.min(conversation.unread, rest.length),
    mentions: Math.min(conversation.mentions, rest.filter(({ mentioned }) => mentioned === true).length),
  };
}

function withTypist(conversation: Conversation, typist: { member: string; name: string }, writes: boolean) {
  const { member, name } = typist;
  const others = conversation.typing.filter((other) => other.member !== member);
  if (!writes && others.length === conversation.typing.length) return conversation;
  return { ...conversation, typing: writes ? [...others, { member, name }] : others };
}

/** Of a notice that came before the messages around it were loaded. */
const noPlace = -1;

/** Such notices stand where they belong by their time. */
export const placedNotices = (notices: readonly Notice[], messages: readonly ArchivedMessage[]): readonly Notice[] =>
  notices.map((notice) =>
    notice.after === noPlace
      ? { ...notice, after: messages.findLast(({ taken }) => taken <= notice.at)?.sort ?? 0 }
      : notice,
  );

/** Puts a notice after the newest message unless it has a place of its own. */
function withNotice(
  conversation: Conversation,
  notice: Omit<Notice, "id" | "after"> & { readonly after?: number },
): Conversation {
  const id = (conversation.notices.at(-1)?.id ?? 0) + 1;
  const newest = conversation.loaded ? (conversation.messages.at(-1)?.sort ?? 0) : noPlace;
  const after = notice.after ?? newest;
  return { ...conversation, notices: [...conversation.notices, { ...notice, id, after }].slice(-mostNotices) };
}

function withGap(conversation: Conversation, gap: DeviceEvent & { type: "gap" }, now: number): Conversation {
  const count = gap.to - gap.from + 1;
  const text = `${counted(count, "message")} of @${gap.name} ${count === 1 ? "is" : "are"} missing here: lost before this device had ${count === 1 ? "it" : "them"}`;
  return withNotice(conversation, { kind: "gap", text, at: now });
}

const channelWords = {
  joined: "came in",
  left: "left",
  kicked: "was taken out",
  invited: "was invited",
  changed: "changed the channel",
  removed: "is no member of the mesh any more",
  muted: "was muted",
  unmuted: "may write again",
  banned: "was banned",
  unbanned: "may come in again",
} as const;

function withChannelEvent(state: ChatState, event: DeviceEvent & { type: "channel" }, now: number): ChatState {
  const { what, member, name, channel } = event;
  const known = member === undefined || name === undefined ? state : withPerson(state, { member, name });
  const key = `#${channel}`;
  const isPresence = what === "present" || what === "absent";
  return updated(known, key, (conversation) => {
    const people = conversation.people?.map((person) =>
      person.member === member && isPresence ? { ...person, present: what === "present" } : person,
    );
    const isGone = what === "left" || what === "kicked" || what === "removed";
    const next = {
      ...conversation,
      people: isGone ? people?.filter((person) => person.member !== member) : people,
      channel: isGone && member === state.me.member ? withoutMe(conversation.channel) : conversation.channel,
    };
    if (isPresence) return next;
    const who = member === undefined ? "" : `@${known.people.get(member)?.name ?? member.slice(0, 8)} `;
    const by = event.by === undefined || event.by === member ? "" : ` by @${known.people.get(event.by)?.name ?? "…"}`;
    return withNotice(next, { kind: "event", text: `${who}${channelWords[what]}${by}`, at: now });
  });
}

/** A public channel can be joined again, another one needs another invitation. */
const withoutMe = (channel: ChannelView | undefined): ChannelView | undefined =>
  channel === undefined ? undefined : { ...channel, joined: false, open: channel.kind === "public" };

/** What was told of a member; what is not told stays. */
export function withPerson(
  state: ChatState,
  told: Partial<Person> & { readonly member: string; readonly name: string },
): ChatState {
  const known = state.people.get(told.member);
  if (known === undefined && state.people.size >= mostPeople) return state;
  const isKnown = (Object.keys(told) as (keyof Person)[]).every((key) => known?.[key] === told[key]);
  if (known !== undefined && isKnown) return state;
  const before: Omit<Person, "member" | "name"> = known ?? {
    kind: undefined,
    presence: undefined,
    availability: undefined,
  };
  return { ...state, people: new Map(state.people).set(told.member, { ...before, ...told }) };
}

/** What the archive counts. Of a channel that is not in the list it counts what its member left. */
export function withSummary(state: ChatState, summary: ConversationSummary): ChatState {
  const { conversation: key, unread, mentions, read, last } = summary;
  if (key.startsWith("#") && !state.conversations.has(key)) return state;
  const guess = last === undefined || last.own ? key.slice(1, 9) : last.name;
  return updated(ensured(state, key, guess), key, (conversation) => ({
    ...conversation,
    // What was read meanwhile is not in it yet.
    ...(read < conversation.read ? {} : { unread, mentions, read }),
    active: Math.max(conversation.active, last?.taken ?? 0),
  }));
}
