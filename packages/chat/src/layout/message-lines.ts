/** One message as lines of a screen. */
import type { ArchivedMessage } from "@parley/core";
import { textContent } from "@parley/protocol";

import type { NameWatch } from "../model/look-alike.ts";
import { threadOf } from "../model/message-list.ts";
import { richText } from "../text/rich-text.ts";
import { cutLine, type Line, lineWidth, padLine, type Span, span, type Style, type Target } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import { authorStyle, type Theme } from "../text/theme.ts";
import {
  authorName,
  counted,
  exactTimeWords,
  factsOf,
  isTrouble,
  pathWords,
  protectionWords,
  sizeWords,
  stateWords,
  timeWords,
  unreadableWords,
  viaWords,
} from "../text/words.ts";
import { wrapSpans } from "../text/wrap.ts";

export interface MessageLook {
  readonly width: number;
  readonly theme: Theme;
  /** The own name. */
  readonly me: string;
  readonly names: NameWatch;
  readonly selected: boolean;
  /** The message before it is by the same author, and not long ago: no need to say so again. */
  readonly follows: boolean;
  /** What it answers, when that is known. */
  readonly answered: ArchivedMessage | undefined;
  /** The first message of its thread, when it is shown outside of that. */
  readonly root: ArchivedMessage | undefined;
  /** Whether the thread is what is shown: no need to name it. */
  readonly inThread: boolean;
}

/** Columns before the text: mark, time, space. */
const wideIndent = 7;
const narrowIndent = 2;
/** Narrower than this, time and name stand on the same indent as the text. */
const leastWide = 40;

export function messageLines(message: ArchivedMessage, look: MessageLook): readonly Line[] {
  const indent = look.width >= leastWide ? wideIndent : narrowIndent;
  const room = look.width - indent;
  const body = [
    ...contextLines(message, look, room),
    ...withFacts(message, textLines(message, look, room), look, room),
    ...attachmentLines(message, look, room),
    ...tailLines(message, look, room),
    ...(look.selected ? detailLines(message, look, room) : []),
  ];
  const head = look.follows ? [] : [headLine(message, look, indent)];
  const target: Target = { type: "message", id: message.id };
  return [...head, ...body.map((line) => [span(" ".repeat(indent)), ...line])].map((line, index) =>
    targeted(marked(line, message, look, index), target, look.width),
  );
}

/** The first column tells what is selected, and what calls the reader. */
function marked(line: Line, { mentioned }: ArchivedMessage, { selected, theme }: MessageLook, index: number): Line {
  const mark = selected
    ? span("▌", theme.accent)
    : mentioned === true && index === 0
      ? span("@", theme.called)
      : undefined;
  if (mark === undefined) return line;
  const [first = span(" "), ...rest] = line;
  return [mark, { ...first, text: first.text.slice(1) }, ...rest];
}

const targeted = (line: Line, target: Target, width: number): Line =>
  padLine(cutLine(line, width), width).map((part) => (part.target === undefined ? { ...part, target } : part));

function headLine(message: ArchivedMessage, look: MessageLook, indent: number): Line {
  const { theme } = look;
  const time = timeWords(message.created);
  const gutter = indent === wideIndent ? ` ${time} ` : " ";
  return [
    span(gutter, theme.muted),
    ...nameSpans(message, look),
    ...(indent === wideIndent ? [] : [span(` ${time}`, theme.muted)]),
  ];
}

function nameSpans(message: ArchivedMessage, { theme, names }: MessageLook): readonly Span[] {
  const { own, author, name, via } = message;
  if (own && via === undefined) return [span("you", theme.own)];
  const shown = via?.name ?? name;
  const who = via === undefined ? author : `${author} ${via.id}`;
  const twin = names.takenFor(who, shown);
  return [
    span(screenLine(shown), authorStyle(theme, who)),
    ...(via === undefined ? [] : [span(` (${viaWords(via)})`, theme.muted)]),
    ...(twin === undefined ? [] : [span(` ! not @${screenLine(twin)}`, theme.danger)]),
  ];
}

function contextLines(message: ArchivedMessage, look: MessageLook, room: number): readonly Line[] {
  const { answered, root, inThread, theme } = look;
  const thread = threadOf(message);
  const quoted = answered ?? (inThread ? undefined : root);
  if (quoted !== undefined) {
    const what = answered === undefined ? "thread" : "answers";
    const text = screenLine(textContent(quoted.content)?.text ?? "…");
    const target: Target =
      answered === undefined ? { type: "thread", id: quoted.id } : { type: "message", id: quoted.id };
    const line = [span(`↳ ${what} ${screenLine(authorName(quoted))}: ${text}`, theme.muted, target)];
    return [cutLine(line, room)];
  }
  if (thread !== undefined && !inThread) return [[span("↳ in a thread", theme.muted, { type: "thread", id: thread })]];
  return [];
}

function textLines(message: ArchivedMessage, look: MessageLook, room: number): readonly Line[] {
  const { theme, me } = look;
  if (message.retracted !== undefined || message.content.type === "retract")
    return [[span("retracted", { ...theme.muted, italic: true })]];
  const text = textContent(message.content);
  if (message.unreadable !== undefined || text === undefined)
    return wrapSpans([span(`[${unreadableWords(message.unreadable ?? "unknown")}]`, theme.warning)], room);
  const edited = message.edited === undefined ? [] : [span(" (edited)", theme.muted)];
  return wrapSpans([...richText(text.text, me, theme), ...edited], room);
}

/** What became of an own message stands at the right of its last line, where there is room, else below. */
function withFacts(message: ArchivedMessage, lines: readonly Line[], look: MessageLook, room: number): readonly Line[] {
  if (!message.own) return lines;
  const { theme } = look;
  const style: Style = isTrouble(message.state) ? theme.danger : theme.muted;
  const facts = [span(`${isTrouble(message.state) ? "! " : ""}${factsOf(message)}`, style)];
  const last = lines.at(-1) ?? [];
  const free = room - lineWidth(last) - lineWidth(facts) - 2;
  if (free >= 0) return [...lines.slice(0, -1), [...last, span(" ".repeat(free + 1)), ...facts]];
  return [...lines, [span(" ".repeat(Math.max(0, room - lineWidth(facts) - 1))), ...facts]];
}

function attachmentLines(
  { content, id, retracted }: ArchivedMessage,
  { theme }: MessageLook,
  room: number,
): readonly Line[] {
  const attachments = retracted === undefined ? (textContent(content)?.attachments ?? []) : [];
  if (attachments.length === 0) return [];
  const lines = attachments.map(({ name, type, size }) =>
    cutLine(
      [
        span("↓ ", theme.accent),
        span(screenLine(name), theme.strong),
        span(` ${screenLine(type)}, ${sizeWords(size)}`, theme.muted),
      ],
      room,
    ),
  );
  return [...lines, cutLine([span(`  parley attachment get ${id}`, theme.muted)], room)];
}

function tailLines(message: ArchivedMessage, look: MessageLook, room: number): readonly Line[] {
  const { theme, inThread } = look;
  const reactions = Object.entries(message.reactions).flatMap(([reaction, members]) => [
    span(`${screenLine(reaction)} `),
    span(`${members.length}  `, theme.muted),
  ]);
  const replies =
    message.replies > 0 && !inThread
      ? [span(`${counted(message.replies, "reply", "replies")} ›`, theme.accent, { type: "thread", id: message.id })]
      : [];
  const line = [...reactions, ...replies];
  return line.length === 0 ? [] : wrapSpans(line, room);
}

function detailLines(message: ArchivedMessage, { theme }: MessageLook, room: number): readonly Line[] {
  const { state, own, path, protection, device, created, via } = message;
  const facts = [
    exactTimeWords(created),
    ...(own && state !== undefined ? [stateWords(state)] : []),
    ...(path === undefined ? [] : [pathWords(path)]),
    protectionWords(protection),
    ...(via === undefined ? [] : [`said by ${screenLine(via.name)} (${viaWords(via)}), id ${screenLine(via.id)}`]),
    ...(device === undefined ? [] : [`device ${device.slice(0, 8)}`]),
  ];
  return facts.flatMap((fact) => wrapSpans([span(`· ${fact}`, theme.muted)], room));
}
