/** What each event of a device makes of a chat's state. No I/O, no time but what is handed in. */
import type { Delivery, DeviceEvent, Draft } from "@parley/client";
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
      messages: conversation.loaded
        ? mergeMessages(isNew ? withReply(conversation.messages, message) : conversation.messages, [message]).slice(
            -mostLoaded,
          )
        : conversation.messages,
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
  return updated(state, key, (one) => {
    if ([...one.messages, ...one.waiting].some((message) => message.id === id)) return one;
    const message: ArchivedMessage = {
      conversation: key,
      id,
      sort: Number.MAX_SAFE_INTEGER,
      author: state.me.member,
      name: state.me.name,
      device: undefined,
      created: now,
      taken: now,
      content: {
        type: "text",
        text: draft.text,
        ...(draft.thread === undefined ? {} : { thread: draft.thread }),
        ...(draft.answers === undefined ? {} : { answers: draft.answers }),
      },
      path: undefined,
      protection: one.channel?.encrypted === true ? "group" : "signed",
      state: "accepted",
      own: true,
      edited: undefined,
      retracted: undefined,
      reactions: {},
      replies: 0,
    };
    return { ...one, waiting: [...one.waiting, message].slice(-mostWaiting) };
  });
}

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

/** Puts a notice after the newest message unless it has a place of its own. */
export function withNotice(
  conversation: Conversation,
  notice: Omit<Notice, "id" | "after"> & { readonly after?: number },
): Conversation {
  const id = (conversation.notices.at(-1)?.id ?? 0) + 1;
  const after = notice.after ?? conversation.messages.at(-1)?.sort ?? 0;
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
  removed: "the channel was removed",
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
    const gone = what === "left" || what === "kicked";
    const next = { ...conversation, people: gone ? people?.filter((person) => person.member !== member) : people };
    if (isPresence) return next;
    const who = name === undefined ? "" : `@${name} `;
    const by = event.by === undefined || event.by === member ? "" : ` by @${known.people.get(event.by)?.name ?? "…"}`;
    return withNotice(next, { kind: "event", text: `${who}${channelWords[what]}${by}`, at: now });
  });
}

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

/** What the archive counts. */
export function withSummary(state: ChatState, summary: ConversationSummary, name: string | undefined): ChatState {
  const { conversation: key, unread, mentions, read, last } = summary;
  const guess = name ?? (last !== undefined && !last.own && key.startsWith("@") ? last.name : key.slice(1, 9));
  return updated(ensured(state, key, guess), key, (conversation) => ({
    ...conversation,
    ...(name === undefined ? {} : { name }),
    unread,
    mentions,
    read: Math.max(read, conversation.read),
    active: Math.max(conversation.active, last?.taken ?? 0),
  }));
}
