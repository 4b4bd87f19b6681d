/** What the operations about conversations do with the device of this process. */
import type { ChannelView, DeviceEvent, IncomingPost, PendingPost } from "@parley/client";
import type { ArchivedMessage, ConversationSummary } from "@parley/core";

import type { conversationOperations } from "./conversation-operations.ts";
import { lineBytes } from "./local-lines.ts";
import { followSent, type Handlers, untilAborted } from "./request-context.ts";

/** Of the longest line, for a message and what it is wrapped in. */
const messageBytes = lineBytes - 4096;

/** One that fills a line alone goes without its content, as what cannot be shown. */
export function fittingMessage(message: ArchivedMessage): ArchivedMessage {
  if (Buffer.byteLength(JSON.stringify(message)) <= messageBytes) return message;
  return { ...message, content: { type: "omitted" }, unreadable: "unknown" };
}

/** The same of a post that is not in the history yet. */
function fittingPending(post: PendingPost): PendingPost {
  return Buffer.byteLength(JSON.stringify(post)) <= messageBytes ? post : { ...post, content: { type: "omitted" } };
}

const fittingLast = <View extends ConversationSummary | ChannelView>(view: View): View => ({
  ...view,
  last: view.last === undefined ? undefined : fittingMessage(view.last),
});

export const fittingPost = (post: IncomingPost): IncomingPost => ({ ...post, message: fittingMessage(post.message) });

/** An event as it fits a line. */
export function fittingEvent(event: DeviceEvent): DeviceEvent {
  return event.type === "message" || event.type === "message-changed"
    ? { ...event, message: fittingMessage(event.message) }
    : event;
}

/** Each on a line of its own, as fast as the caller takes them. */
async function emitEach<Value>(values: readonly Value[], emit: (value: Value) => Promise<void>): Promise<void> {
  for (const value of values) await emit(value);
}

export const conversationHandlers: Handlers<keyof typeof conversationOperations> = {
  async conversations({ device, emit }) {
    await emitEach((await device.conversations.conversations()).map(fittingLast), emit);
    return {};
  },

  async archived({ device, body, emit }) {
    const { messages, more } = await device.conversations.messages(body);
    await emitEach(messages.map(fittingMessage), emit);
    return { more };
  },

  fetchOlder: async ({ device, body }) => ({ fetched: await device.conversations.fetchOlder(body.channel) }),

  async search({ device, body, emit }) {
    await emitEach((await device.conversations.search(body)).map(fittingMessage), emit);
    return {};
  },

  async pending({ device, body, emit }) {
    await emitEach((await device.conversations.pending(body.conversation)).map(fittingPending), emit);
    return {};
  },

  say(context) {
    const { conversation, paths, ttlMs, hops, ...draft } = context.body;
    const options = {
      signal: context.signal,
      ...(paths === undefined ? {} : { paths }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(hops === undefined ? {} : { hops }),
    };
    return followSent(context, () => context.device.conversations.say(conversation, draft, options));
  },

  edit(context) {
    const { conversation, message, text } = context.body;
    return followSent(context, () => context.device.conversations.edit(conversation, message, text));
  },

  retract(context) {
    const { conversation, message } = context.body;
    return followSent(context, () => context.device.conversations.retract(conversation, message));
  },

  react(context) {
    const { conversation, message, reaction, on } = context.body;
    return followSent(context, () => context.device.conversations.react(conversation, message, reaction, on));
  },

  async typing({ device, body }) {
    device.conversations.typing(body.conversation, body.writes);
    return {};
  },

  async read({ device, body }) {
    const { conversation, upTo, tell } = body;
    await device.conversations.read(conversation, upTo, ...(tell === undefined ? [] : [{ tell }]));
    return {};
  },

  async keep({ device, signal }) {
    const release = device.conversations.keep();
    await untilAborted(signal);
    release();
    return {};
  },

  contact: ({ device, body }) => device.conversations.contact(body.who),

  async contacts({ device, body, emit }) {
    await emitEach(await device.conversations.contacts(body.standing), emit);
    return {};
  },

  async accept({ device, body }) {
    await device.conversations.accept(body.who);
    return {};
  },

  async block({ device, body }) {
    await device.conversations.block(body.who);
    return {};
  },

  async unblock({ device, body }) {
    await device.conversations.unblock(body.who);
    return {};
  },

  words: ({ device, body }) => device.conversations.words(body.who),

  async verify({ device, body }) {
    await device.conversations.verify(body.who);
    return {};
  },

  newSecret: async ({ device, body }) => ({ secret: await device.conversations.newSecret(body.who) }),

  setSecret: async ({ device, body }) => ({ kind: await device.conversations.setSecret(body.who, body.secret) }),

  async removeSecret({ device, body }) {
    await device.conversations.removeSecret(body.who);
    return {};
  },

  async channels({ device, body, emit }) {
    await emitEach((await device.conversations.channels(body)).map(fittingLast), emit);
    return {};
  },

  channel: async ({ device, body }) => fittingLast(await device.conversations.channel(body.channel)),

  createChannel: async ({ device, body }) => fittingLast(await device.conversations.createChannel(body)),

  joinChannel: async ({ device, body }) => fittingLast(await device.conversations.joinChannel(body.channel)),

  async leaveChannel({ device, body }) {
    await device.conversations.leaveChannel(body.channel);
    return {};
  },

  changeChannel: async ({ device, body }) =>
    fittingLast(await device.conversations.changeChannel(body.channel, body.change)),

  async inviteTo({ device, body }) {
    await device.conversations.inviteTo(body.channel, body.member);
    return {};
  },

  async kickFrom({ device, body }) {
    await device.conversations.kickFrom(body.channel, body.member);
    return {};
  },

  async channelMembers({ device, body, emit }) {
    await emitEach(await device.conversations.channelMembers(body.channel), emit);
    return {};
  },
};
