/** A conversation as blocks of lines: messages, days, notices and the place from which on everything is new. */
import type { ArchivedMessage } from "@parley/core";

import type { Conversation, Notice } from "../model/chat-state.ts";
import type { NameWatch } from "../model/look-alike.ts";
import { mostLoaded, threadOf } from "../model/message-list.ts";
import { type Line, lineWidth, padLine, span, type Style } from "../text/span.ts";
import { screenLine, textWidth } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { dayWords } from "../text/words.ts";
import { wrapSpans } from "../text/wrap.ts";
import { messageLines, type MessageLook } from "./message-lines.ts";

/** Lines that belong together; scrolling holds on to one by its key. */
export interface Block {
  readonly key: string;
  readonly message: ArchivedMessage | undefined;
  readonly lines: readonly Line[];
}

export interface TimelineLook {
  readonly width: number;
  readonly theme: Theme;
  readonly me: string;
  readonly names: NameWatch;
  readonly selected: string | undefined;
  /** An empty line before each author. */
  readonly airy: boolean;
}

/** Messages of one author within this need no new heading. */
const sameBreathMs = 5 * 60_000;

/** Everything that is loaded of a conversation, oldest first. */
export function timelineOf(conversation: Conversation, look: TimelineLook): readonly Block[] {
  const { newAfter, older, loaded, loading } = conversation;
  const messages = [...conversation.messages, ...conversation.waiting];
  const byId = new Map(messages.map((message) => [message.id, message]));
  const notices = [...conversation.notices].toSorted((one, other) => one.after - other.after);
  const blocks: Block[] = [];
  if (loading) blocks.push(lineBlock("loading", centred("loading…", look)));
  else if (loaded && !older && messages.length > 0) blocks.push(lineBlock("start", centred("the beginning", look)));
  else if (conversation.messages.length >= mostLoaded)
    blocks.push(lineBlock("start", centred("older messages: parley history", look)));
  let day = "";
  let before: ArchivedMessage | undefined;
  for (const message of messages) {
    for (let next = notices[0]; next !== undefined && next.after < message.sort; next = notices[0]) {
      blocks.push(noticeBlock(next, look));
      notices.shift();
      before = undefined;
    }
    const today = dayWords(message.created);
    if (today !== day) {
      const line = rule(today, look.theme.muted, look.width);
      blocks.push({ key: `day ${message.id}`, message: undefined, lines: look.airy ? [[], line] : [line] });
      day = today;
      before = undefined;
    }
    if (newAfter !== undefined && message.sort > newAfter && (before?.sort ?? 0) <= newAfter && !hasNew(blocks)) {
      blocks.push(lineBlock(newKey, rule("new", look.theme.accent, look.width)));
      before = undefined;
    }
    blocks.push(messageBlock(message, byId, before, look));
    before = message;
  }
  return [...blocks, ...notices.map((notice) => noticeBlock(notice, look))];
}

/** A thread: its first message and the answers. */
export function threadBlocks(messages: readonly ArchivedMessage[], root: string, look: TimelineLook): readonly Block[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  return messages.flatMap((message, index) => {
    const before = messages[index - 1];
    const block = messageBlock(message, byId, before?.id === root ? undefined : before, look, true);
    if (message.id !== root || messages.length === 1) return [block];
    return [block, lineBlock("answers", rule("answers", look.theme.muted, look.width))];
  });
}

/** Of the line from which on everything is new. */
export const newKey = "new";
const hasNew = (blocks: readonly Block[]): boolean => blocks.some(({ key }) => key === newKey);

function messageBlock(
  message: ArchivedMessage,
  byId: ReadonlyMap<string, ArchivedMessage>,
  before: ArchivedMessage | undefined,
  look: TimelineLook,
  inThread = false,
): Block {
  const follows = before !== undefined && isSameBreath(before, message, inThread);
  const answers = answeredBy(message);
  const thread = threadOf(message);
  const lines = rememberedLines(message, {
    width: look.width,
    theme: look.theme,
    me: look.me,
    names: look.names,
    selected: look.selected === message.id,
    follows,
    answered: answers === undefined ? undefined : byId.get(answers),
    root: thread === undefined || follows ? undefined : byId.get(thread),
    inThread: inThread || (follows && before !== undefined && thread !== undefined),
  });
  const airy = look.airy && !follows;
  return { key: message.id, message, lines: airy ? [[], ...lines] : lines };
}

const answeredBy = ({ content }: ArchivedMessage): string | undefined =>
  content.type === "text" && "answers" in content && typeof content.answers === "string" ? content.answers : undefined;

function isSameBreath(one: ArchivedMessage, other: ArchivedMessage, inThread: boolean): boolean {
  return (
    one.author === other.author &&
    one.via?.id === other.via?.id &&
    other.created - one.created < sameBreathMs &&
    other.mentioned !== true &&
    (inThread || threadOf(one) === threadOf(other))
  );
}

interface Remembered {
  readonly look: MessageLook;
  readonly lines: readonly Line[];
}

/** A screen is made anew with every key; most messages are as they were. */
const remembered = new WeakMap<ArchivedMessage, Remembered>();

function rememberedLines(message: ArchivedMessage, look: MessageLook): readonly Line[] {
  const known = remembered.get(message);
  if (known !== undefined && isSameLook(known.look, look)) return known.lines;
  const lines = messageLines(message, look);
  remembered.set(message, { look, lines });
  return lines;
}

const isSameLook = (one: MessageLook, other: MessageLook): boolean =>
  one.width === other.width &&
  one.theme === other.theme &&
  one.names === other.names &&
  one.selected === other.selected &&
  one.follows === other.follows &&
  one.answered === other.answered &&
  one.root === other.root &&
  one.inThread === other.inThread;

function noticeBlock({ id, kind, text }: Notice, look: TimelineLook): Block {
  const { theme, width } = look;
  const style = kind === "event" ? theme.muted : theme.warning;
  const mark = kind === "event" ? "·" : "!";
  const lines = wrapSpans([span(`${mark} ${screenLine(text)}`, style)], Math.max(10, width - 4));
  return { key: `notice ${id}`, message: undefined, lines: lines.map((line) => padLine([span("  "), ...line], width)) };
}

const lineBlock = (key: string, line: Line): Block => ({ key, message: undefined, lines: [line] });

const centred = (text: string, { width, theme }: TimelineLook): Line =>
  padLine([span(" ".repeat(Math.max(0, Math.floor((width - textWidth(text)) / 2)))), span(text, theme.muted)], width);

/** A line across with words in it. */
export function rule(text: string, style: Style, width: number): Line {
  const words = text === "" ? [] : [span(` ${text} `, style)];
  const room = Math.max(0, width - lineWidth(words) - 2);
  return padLine([span("──", style), ...words, span("─".repeat(room), style)], width);
}
