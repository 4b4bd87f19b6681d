/** Everything that is on the screen at one moment, as lines, before any of it is painted. */
import type { ChatModel } from "../model/chat-model.ts";
import { type ChatState, type Conversation, type Person, titleOf } from "../model/chat-state.ts";
import { NameWatch } from "../model/look-alike.ts";
import type { ScreenState } from "../screen/screen-state.ts";
import { type Line, padLine, type Span, span, spanAt, spreadLine, type Target } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import type { Theme } from "../text/theme.ts";
import { counted } from "../text/words.ts";
import { wrapSpans } from "../text/wrap.ts";
import { type Geometry, geometryOf } from "./geometry.ts";
import { hintOf, infoLine, inputPane } from "./input-pane.ts";
import { listPane, presenceMark } from "./list-pane.ts";
import { type Box, overlayPane } from "./overlay-pane.ts";
import { sidePane } from "./side-pane.ts";
import { statusLine } from "./status-line.ts";
import { type Block, rule, threadBlocks, timelineOf } from "./timeline.ts";
import { visibleLines } from "./window.ts";

export interface ScreenView {
  readonly geometry: Geometry;
  readonly list: readonly Line[];
  readonly main: readonly Line[];
  readonly side: readonly Line[];
  readonly status: Line;
  readonly overlay: Box | undefined;
  readonly cursor: { readonly x: number; readonly y: number };
  /** What the conversation is made of, and the rows it has. */
  readonly blocks: readonly Block[];
  readonly timelineRows: number;
}

const namesOf = new WeakMap<ReadonlyMap<string, Person>, NameWatch>();

function nameWatchOf({ people, me }: ChatState): NameWatch {
  const known = namesOf.get(people);
  if (known !== undefined) return known;
  const watch = new NameWatch([me, ...people.values()]);
  namesOf.set(people, watch);
  return watch;
}

/** Columns from which on a title has room for everything. */
const titleRoom = 48;
/** Rows from which on there is room for empty lines between authors. */
const airyRows = 34;

export function screenView(model: ChatModel, screen: ScreenState, theme: Theme): ScreenView {
  const { state } = model;
  const { columns, rows } = screen;
  const conversation = state.current === undefined ? undefined : state.conversations.get(state.current);
  const geometry = geometryOf(columns, rows, state.thread !== undefined);
  const { body, main: width } = geometry;
  const look = (paneWidth: number) => ({
    width: paneWidth,
    theme,
    me: state.me.name,
    names: nameWatchOf(state),
    selected: screen.selected,
    airy: rows >= airyRows,
  });
  const { thread } = state;
  const threadInMain = thread !== undefined && geometry.side === 0;
  const inThread = thread !== undefined;
  const hint = hintOf(conversation, screen.writing, inThread);
  const input = inputPane(screen.editor, screen.writing, inThread, hint, theme, width);
  const banner = bannerLines(conversation, theme, width);
  const timelineRows = Math.max(1, body - 2 - banner.length - 1 - input.lines.length);
  const blocks = blocksOf(conversation, threadInMain ? thread : undefined, look(width));
  const shown =
    conversation === undefined
      ? welcomeLines(state, theme, timelineRows)
      : visibleLines(blocks, timelineRows, screen.anchor);
  const main = [
    titleLine(conversation, state, threadInMain, theme, width),
    rule("", theme.muted, width),
    ...shown,
    ...banner,
    infoLine(conversation, screen.completion, theme, width),
    ...input.lines,
  ].map((line) => padLine(line, width));
  const overlay = screen.overlay === undefined ? undefined : overlayPane(screen.overlay, model, theme, columns, body);
  const inputTop = body - input.lines.length;
  return {
    geometry,
    list: geometry.list === 0 ? [] : filled(listPane(state, theme, geometry.list, body), geometry.list, body),
    main: main.slice(0, body),
    side: filled(sideLines(conversation, state, theme, geometry, look(geometry.side)), geometry.side, body),
    status: statusLine(state, screen, theme),
    overlay,
    cursor:
      overlay?.cursor === undefined
        ? { x: geometry.mainLeft + input.column, y: inputTop + input.row }
        : { x: overlay.left + overlay.cursor.column, y: overlay.top + overlay.cursor.row },
    blocks,
    timelineRows,
  };
}

function blocksOf(
  conversation: Conversation | undefined,
  thread: ChatState["thread"],
  look: Parameters<typeof timelineOf>[1],
): readonly Block[] {
  if (thread !== undefined) return threadBlocks(thread.messages, thread.root, look);
  return conversation === undefined ? [] : timelineOf(conversation, look);
}

const filled = (lines: readonly Line[], width: number, rows: number): readonly Line[] =>
  width === 0 ? [] : Array.from({ length: rows }, (_, row) => padLine(lines[row] ?? [], width));

function titleLine(
  conversation: Conversation | undefined,
  state: ChatState,
  inThread: boolean,
  theme: Theme,
  width: number,
): Line {
  if (conversation === undefined) return [span(" Parley", theme.strong)];
  const title = screenLine(titleOf(conversation));
  if (inThread)
    return spreadLine([span(` Thread in ${title}`, theme.strong)], [span("Esc closes ", theme.muted)], width);
  const { channel, contact, key } = conversation;
  const topic =
    channel === undefined || channel.topic === "" ? [] : [span(`  ${screenLine(channel.topic)}`, theme.muted)];
  const sign =
    conversation.kind === "channel" ? [] : [presenceMark(state.people.get(key.slice(1))?.presence, theme), span(" ")];
  const right =
    channel === undefined
      ? contactFacts(contact)
      : [
          counted(conversation.people?.length ?? channel.members, "member"),
          ...(width < titleRoom ? [] : [channel.encrypted ? "encrypted" : "public"]),
        ];
  const flags = contact?.trust === "changed" ? theme.danger : theme.muted;
  return spreadLine(
    [span(" "), ...sign, span(title, theme.strong), ...topic],
    [span(`${right.join(" · ")} `, flags)],
    width,
  );
}

function contactFacts(contact: Conversation["contact"]): readonly string[] {
  if (contact === undefined) return [];
  return [
    contact.trust === "changed" ? "! another key" : contact.trust,
    ...(contact.secret === "none" ? [] : ["secret"]),
  ];
}

/** What has to be decided before anything else. */
function bannerLines(conversation: Conversation | undefined, theme: Theme, width: number): readonly Line[] {
  const { contact, channel } = conversation ?? {};
  if (channel?.joined === false) {
    const name = `#${screenLine(channel.name)}`;
    const what = channel.open ? `You are not in ${name}. /join ${name} comes in.` : `You are not in ${name} any more.`;
    return said(what, theme, width);
  }
  if (contact === undefined) return [];
  const who = `@${screenLine(contact.name ?? contact.member.slice(0, 8))}`;
  if (contact.standing === "request") {
    const acts: readonly Span[] = [
      span(" "),
      span(" Accept ", theme.selected, { type: "accept", member: contact.member }),
      span(" Alt+A   ", theme.muted),
      span(" Block ", theme.selected, { type: "block", member: contact.member }),
      span(" Alt+B", theme.muted),
    ];
    return [...said(`${who} is a stranger and asks to talk to you.`, theme, width), acts];
  }
  if (contact.standing === "blocked")
    return said(`${who} is blocked. /unblock ${who} takes messages again.`, theme, width);
  if (contact.trust === "changed")
    return said(
      `! The key of ${who} is another one than before. Nothing is sent until you compare words: /verify`,
      theme,
      width,
    );
  return [];
}

const said = (text: string, theme: Theme, width: number): readonly Line[] =>
  wrapSpans([span(text, theme.warning)], width - 2).map((line): Line => [span(" "), ...line]);

function welcomeLines(state: ChatState, theme: Theme, rows: number): readonly Line[] {
  const lines: readonly Line[] = state.ready
    ? [
        [span("   Nothing is open.", theme.strong)],
        [],
        [span("   /channels      ", theme.strong), span("what there is to join", theme.muted)],
        [span("   /join #general ", theme.strong), span("comes into a channel", theme.muted)],
        [span("   /msg @name     ", theme.strong), span("talks to somebody", theme.muted)],
        [span("   ?              ", theme.strong), span("keys and commands", theme.muted)],
      ]
    : [[span("   reading what this device remembers…", theme.muted)]];
  const above = Math.max(0, Math.floor((rows - lines.length) / 2));
  return Array.from({ length: rows }, (_, row) => lines[row - above] ?? []);
}

function sideLines(
  conversation: Conversation | undefined,
  state: ChatState,
  theme: Theme,
  { side, body }: Geometry,
  look: Parameters<typeof timelineOf>[1],
): readonly Line[] {
  if (side === 0 || conversation === undefined) return [];
  if (state.thread === undefined) return sidePane(conversation, state, theme, side, body);
  const blocks = threadBlocks(state.thread.messages, state.thread.root, look);
  const title = spreadLine([span(" Thread", theme.strong)], [span("Esc closes ", theme.muted)], side);
  const lines = blocks.flatMap((block) => block.lines);
  return [title, rule("", theme.muted, side), ...lines.slice(-(body - 2))];
}

/** What a click at a place means. */
export function targetAt(view: ScreenView, column: number, row: number): Target | undefined {
  const { overlay, geometry } = view;
  if (overlay !== undefined) {
    const line = overlay.lines[row - overlay.top];
    return line === undefined ? undefined : spanAt(line, column - overlay.left)?.target;
  }
  if (row >= geometry.body) return spanAt(view.status, column)?.target;
  if (column < geometry.list) return spanAt(view.list[row] ?? [], column)?.target;
  if (column >= geometry.sideLeft && geometry.side > 0)
    return spanAt(view.side[row] ?? [], column - geometry.sideLeft)?.target;
  return spanAt(view.main[row] ?? [], column - geometry.mainLeft)?.target;
}
