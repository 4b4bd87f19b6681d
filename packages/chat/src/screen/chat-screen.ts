import type { ArchivedMessage, Timer } from "@parley/core";
import { type ParleyError, textContent, toParleyError } from "@parley/protocol";

import { type ScreenView, screenView, targetAt } from "../layout/screen-view.ts";
import { scrolledBy, scrolledTo } from "../layout/window.ts";
import type { ChatModel } from "../model/chat-model.ts";
import type { Conversation } from "../model/chat-state.ts";
import { type CommandOutcome, runCommand } from "../model/command-runner.ts";
import { completed, completionAt, type CompletionWords, nextCandidate } from "../model/completion.ts";
import { neighbourOf, nextUnread } from "../model/conversation-list.ts";
import { type Editor, editorOf, emptyEditor, insert, vertical } from "../model/editor.ts";
import { InputHistory } from "../model/input-history.ts";
import { parseSlash, slashCommands } from "../model/slash-command.ts";
import { graphemesOf } from "../text/text-width.ts";
import { type Background, type Theme, themeFor } from "../text/theme.ts";
import { edited, pasted } from "./editing-keys.ts";
import type { KeyPress, MouseAct } from "./key-press.ts";
import { overlayKey } from "./overlay-keys.ts";
import { firstScreen, type Overlay, type ScreenState } from "./screen-state.ts";

export interface ChatScreenOptions {
  readonly model: ChatModel;
  readonly columns: number;
  readonly rows: number;
  readonly background: Background;
  readonly colours: boolean;
  readonly onQuit: () => void;
}

const toastMs = 6000;
const tickMs = 1000;
/** Messages from the start of what is loaded, in rows, at which older ones are fetched. */
const wheelRows = 3;

/** What keys and mouse do, and what is shown: everything of a full screen but the terminal. */
export class ChatScreen {
  readonly #options: ChatScreenOptions;
  readonly #listeners = new Set<() => void>();
  readonly #drafts = new Map<string, Editor>();
  readonly #history = new InputHistory();
  readonly #undo: (() => void)[];
  #state: ScreenState;
  #theme: Theme;
  #toast: Timer | undefined;
  #tick: Timer | undefined;
  #retracting: string | undefined;
  #view: ScreenView | undefined;

  constructor(options: ChatScreenOptions) {
    const { model, columns, rows, background, colours } = options;
    this.#options = options;
    this.#state = firstScreen(columns, rows, background, model.clock.now());
    this.#theme = themeFor(background, colours);
    this.#undo = [model.subscribe(() => this.#changed())];
  }

  stop(): void {
    for (const undo of this.#undo) undo();
    this.#toast?.cancel();
    this.#tick?.cancel();
  }

  get theme(): Theme {
    return this.#theme;
  }

  get state(): ScreenState {
    return this.#state;
  }

  /** What is to be seen. The same object until something changes. */
  get view(): ScreenView {
    this.#view ??= screenView(this.#options.model, this.#state, this.#theme);
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  resize(columns: number, rows: number): void {
    this.#put({ columns, rows });
  }

  /** The terminal got the keyboard, or lost it. */
  focus(focused: boolean): void {
    if (!focused) this.#options.model.markSeen();
    this.#put({ focused });
  }

  setBackground(background: Background): void {
    this.#theme = themeFor(background, this.#options.colours);
    this.#put({ background });
  }

  /** Something went wrong that nobody waits for. */
  trouble(error: ParleyError): void {
    this.#say(error.message, true);
  }

  paste(text: string): void {
    const { overlay } = this.#state;
    if (overlay?.type === "switch")
      this.#put({ overlay: { ...overlay, query: pasted(overlay.query, text), index: 0 } });
    else if (overlay === undefined) this.#write(pasted(this.#state.editor, text));
  }

  /** A key, or a run of text that came at once; where letters mean something each of them is a key of its own. */
  press(key: KeyPress): void {
    const isRun = key.name === "text" && this.#state.selected !== undefined;
    for (const text of isRun ? graphemesOf(key.text) : [key.text]) this.#pressOne({ ...key, text });
  }

  #pressOne(key: KeyPress): void {
    const { overlay, editor } = this.#state;
    if (key.ctrl && key.text === "c") {
      if (overlay !== undefined) this.#put({ overlay: undefined });
      else if (editor.text === "") this.#options.onQuit();
      else this.#stopWriting();
      return;
    }
    if (this.#goKey(key)) return;
    if (overlay !== undefined) this.#overlayPress(overlay, key);
    else if (this.#state.selected === undefined || !this.#selectedKey(this.#state.selected, key)) this.#plainKey(key);
  }

  mouse(act: MouseAct): void {
    if (act.type === "wheel") {
      const { overlay } = this.#state;
      if (overlay === undefined) this.#scroll(act.by * wheelRows);
      else this.#overlayPress(overlay, keyOf(act.by < 0 ? "up" : "down"));
      return;
    }
    const target = targetAt(this.view, act.x, act.y);
    if (target === undefined) return;
    switch (target.type) {
      case "conversation":
        void this.#open(target.key);
        return;
      case "message":
        this.#select(this.#state.selected === target.id ? undefined : target.id);
        return;
      case "thread":
        this.#openThread(this.#messageOf(target.id));
        return;
      case "accept":
      case "block":
        this.#command(`/${target.type}`);
        return;
      case "choice":
        this.#choose(target.index);
        return;
      case "bottom":
        this.#put({ anchor: undefined });
    }
  }

  get #conversation(): Conversation | undefined {
    const { state } = this.#options.model;
    return state.current === undefined ? undefined : state.conversations.get(state.current);
  }

  /** Keys that mean the same everywhere. */
  #goKey(key: KeyPress): boolean {
    const { model } = this.#options;
    const modified = key.alt || key.ctrl;
    if (modified && (key.name === "up" || key.name === "left")) this.#go(neighbourOf(model.state, -1));
    else if (modified && (key.name === "down" || key.name === "right")) this.#go(neighbourOf(model.state, 1));
    else if (key.alt && key.text === "n") this.#go(nextUnread(model.state));
    else if (key.ctrl && key.text === "k") this.#put({ overlay: { type: "switch", query: emptyEditor, index: 0 } });
    else if (key.ctrl && key.text === "l") this.#put({ overlay: { type: "list" } });
    else return false;
    return true;
  }

  #go(key: string | undefined): void {
    if (key !== undefined) void this.#open(key);
  }

  #overlayPress(overlay: Overlay, key: KeyPress): void {
    const { model } = this.#options;
    const act = overlayKey(overlay, key, model);
    if (act.type === "keep") this.#put({ overlay: act.overlay });
    else if (act.type === "open") void this.#open(act.key);
    else if (act.type === "found") void this.#openAt(act.message);
    else if (act.type === "look") this.#command(`/msg ${act.name.startsWith("@") ? act.name : `@${act.name}`}`);
    else this.#put({ overlay: undefined });
  }

  #choose(index: number): void {
    const { overlay, completion, editor } = this.#state;
    if (overlay?.type === "switch" || overlay?.type === "found")
      this.#overlayPress({ ...overlay, index }, keyOf("enter"));
    else if (completion !== undefined)
      this.#put({ editor: completed(editor, { ...completion, index }), completion: undefined });
  }

  #plainKey(key: KeyPress): void {
    const { editor, completion } = this.#state;
    const isEmpty = editor.text === "";
    if (key.name === "tab") this.#tab(key);
    else if (key.name === "escape") this.#escape();
    else if (key.name === "pageup") this.#scroll(1 - this.view.timelineRows);
    else if (key.name === "pagedown") this.#scroll(this.view.timelineRows - 1);
    else if (key.name === "enter" && (key.alt || key.shift)) this.#write(insert(editor, "\n"));
    else if (key.ctrl && key.text === "j") this.#write(insert(editor, "\n"));
    else if (key.name === "enter") this.#submit();
    else if (key.name === "up" || key.name === "down") this.#vertical(key.name === "up" ? -1 : 1);
    else if (key.ctrl && key.text === "p") this.#recall(this.#history.previous(editor.text));
    else if (key.ctrl && key.text === "n") this.#recall(this.#history.next());
    else if (key.ctrl && key.text === "t") this.#toggleThread();
    else if (key.ctrl && key.text === "d" && isEmpty) this.#options.onQuit();
    else if (key.alt && key.text === "a") this.#command("/accept");
    else if (key.alt && key.text === "b") this.#command("/block");
    else if (key.text === "?" && isEmpty && this.#state.writing.type === "say")
      this.#put({ overlay: { type: "help", top: 0 } });
    else {
      const next = edited(editor, key);
      if (next !== undefined) this.#write(next);
      else if (completion !== undefined) this.#put({ completion: undefined });
    }
  }

  #tab(key: KeyPress): void {
    const { editor, completion } = this.#state;
    if (editor.text === "") {
      this.#go(neighbourOf(this.#options.model.state, key.shift ? -1 : 1));
      return;
    }
    const offered = completion === undefined ? completionAt(editor, this.#words()) : nextCandidate(completion);
    if (offered === undefined) return;
    const editorNow = completed(editor, offered);
    this.#put({ editor: editorNow, completion: offered.candidates.length === 1 ? undefined : offered });
  }

  #words(): CompletionWords {
    const { people, conversations } = this.#options.model.state;
    return {
      commands: slashCommands.map(({ name }) => name),
      members: [...people.values()].map(({ name }) => name),
      channels: [...conversations.values()].filter(({ kind }) => kind === "channel").map(({ name }) => name),
    };
  }

  #escape(): void {
    const { completion, writing, anchor } = this.#state;
    if (completion !== undefined) this.#put({ completion: undefined });
    else if (writing.type !== "say") this.#stopWriting();
    else if (anchor !== undefined) this.#put({ anchor: undefined });
    else this.#options.model.closeThread();
  }

  /** Up and down: through what is written, else to the messages above. */
  #vertical(step: -1 | 1): void {
    const { editor } = this.#state;
    const moved = vertical(editor, step);
    if (moved !== undefined) this.#put({ editor: moved });
    else if (editor.text !== "") return;
    else if (step < 0) this.#selectBy(-1);
    else this.#put({ anchor: undefined });
  }

  /** Keys while a message is selected. False for one that goes to what is written. */
  #selectedKey(id: string, key: KeyPress): boolean {
    const message = this.#messageOf(id);
    if (message === undefined || this.#state.editor.text !== "") return false;
    if (key.name === "up" || key.name === "down") this.#selectBy(key.name === "up" ? -1 : 1);
    else if (key.name === "escape") this.#select(undefined);
    else if (key.name === "enter") this.#answer(message);
    else if (key.name !== "text" || key.ctrl || key.alt) {
      if (key.ctrl && key.text === "t") this.#openThread(message);
      else return false;
    } else return this.#letter(message, key.text);
    return true;
  }

  #letter(message: ArchivedMessage, letter: string): boolean {
    if (letter === "r") this.#answer(message);
    else if (letter === "t") this.#openThread(message);
    else if (letter === "+") this.#put({ writing: { type: "react", message }, selected: undefined });
    else if (letter === "e") this.#edit(message);
    else if (letter === "d") this.#retract(message);
    else if (letter === "?") this.#put({ overlay: { type: "help", top: 0 } });
    else return false;
    return true;
  }

  #answer(message: ArchivedMessage): void {
    this.#put({ writing: { type: "answer", message }, selected: undefined });
  }

  #edit(message: ArchivedMessage): void {
    const text = textContent(message.content)?.text;
    if (!message.own || text === undefined || message.retracted !== undefined)
      this.#say("Only your own messages can be edited.", true);
    else this.#put({ writing: { type: "edit", message }, editor: editorOf(text), selected: undefined });
  }

  #retract(message: ArchivedMessage): void {
    if (!message.own) {
      this.#say("Only your own messages can be retracted.", true);
    } else if (this.#retracting !== message.id) {
      this.#retracting = message.id;
      this.#say("d once more retracts it", false);
    } else {
      this.#retracting = undefined;
      this.#select(undefined);
      this.#act(() => this.#options.model.device.conversations.retract(message.conversation, message.id));
    }
  }

  #selectable(): readonly ArchivedMessage[] {
    return this.view.blocks.flatMap(({ message }) => (message === undefined ? [] : [message]));
  }

  #selectBy(step: -1 | 1): void {
    const messages = this.#selectable();
    const at = messages.findIndex(({ id }) => id === this.#state.selected);
    const next = at < 0 ? messages.length - 1 : at + step;
    if (next >= messages.length) this.#select(undefined);
    else this.#select(messages[Math.max(0, next)]?.id);
    if (next <= 0) this.#loadOlder();
  }

  #select(id: string | undefined): void {
    this.#retracting = undefined;
    this.#put({ selected: id });
    if (id === undefined) return;
    const { blocks, timelineRows } = this.view;
    this.#put({ anchor: scrolledTo(blocks, timelineRows, this.#state.anchor, id).anchor });
  }

  #messageOf(id: string): ArchivedMessage | undefined {
    const { thread } = this.#options.model.state;
    const { messages = [], waiting = [] } = this.#conversation ?? {};
    return [...messages, ...waiting, ...(thread?.messages ?? [])].find((message) => message.id === id);
  }

  #toggleThread(): void {
    const { model } = this.#options;
    if (model.state.thread === undefined) this.#openThread(this.#conversation?.messages.at(-1));
    else model.closeThread();
  }

  #openThread(message: ArchivedMessage | undefined): void {
    if (message === undefined) return;
    this.#put({ selected: undefined, anchor: undefined });
    this.#act(() => this.#options.model.openThread(message.conversation, message));
  }

  #scroll(by: number): void {
    const { blocks, timelineRows } = this.view;
    const { anchor, atStart } = scrolledBy(blocks, timelineRows, this.#state.anchor, by);
    this.#put({ anchor });
    if (atStart && by < 0) this.#loadOlder();
  }

  #loadOlder(): void {
    const conversation = this.#conversation;
    if (conversation === undefined || this.#options.model.state.thread !== undefined) return;
    // What is on the screen stays there while older messages come in above it.
    const { blocks, timelineRows } = this.view;
    const held = this.#state.anchor ?? scrolledBy(blocks, timelineRows, undefined, -1).anchor;
    if (conversation.older) this.#put({ anchor: held });
    this.#act(() => this.#options.model.loadOlder(conversation.key));
  }

  #recall(line: string | undefined): void {
    if (line !== undefined) this.#put({ editor: editorOf(line) });
  }

  #write(editor: Editor): void {
    this.#put({ editor, completion: undefined, selected: undefined });
    const conversation = this.#conversation;
    if (conversation === undefined || conversation.contact?.standing === "request" || editor.text.startsWith("/"))
      return;
    this.#options.model.device.conversations.typing(conversation.key, editor.text !== "");
  }

  #stopWriting(): void {
    const conversation = this.#conversation;
    this.#put({ editor: emptyEditor, writing: { type: "say" }, completion: undefined });
    if (conversation !== undefined) this.#options.model.device.conversations.typing(conversation.key, false);
  }

  #submit(): void {
    const { editor, writing } = this.#state;
    const text = editor.text.trim();
    if (text === "") return;
    const slash = writing.type === "say" ? parseSlash(text) : undefined;
    if (slash !== undefined) {
      this.#history.add(text);
      this.#stopWriting();
      this.#command(text);
      return;
    }
    const conversation = this.#conversation;
    if (conversation === undefined) {
      this.#say("Open a conversation first: Ctrl+K, /join #channel or /msg @name.", true);
      return;
    }
    this.#history.add(text);
    this.#stopWriting();
    this.#put({ anchor: undefined });
    this.#act(() => this.#sendTo(conversation, text.replace(/^\/\//, "/"), writing), editor);
  }

  async #sendTo({ key }: Conversation, text: string, writing: ScreenState["writing"]): Promise<void> {
    const { model } = this.#options;
    const { conversations: api } = model.device;
    const { thread } = model.state;
    switch (writing.type) {
      case "say":
        await model.say(key, { text, ...(thread === undefined ? {} : { thread: thread.root }) });
        return;
      case "answer":
        await model.say(key, {
          text,
          answers: writing.message.id,
          ...(thread === undefined ? {} : { thread: thread.root }),
        });
        return;
      case "edit":
        await api.edit(key, writing.message.id, text);
        return;
      case "react": {
        const mine = writing.message.reactions[text]?.includes(model.state.me.member) === true;
        await api.react(key, writing.message.id, text, !mine);
      }
    }
  }

  #command(line: string): void {
    const parsed = parseSlash(line);
    if (parsed === undefined) return;
    if ("unknown" in parsed) {
      const near = parsed.near === undefined ? "" : ` Did you mean /${parsed.near}?`;
      this.#say(`There is no command /${parsed.unknown}.${near}`, true);
      return;
    }
    this.#act(async () => this.#show(await runCommand(this.#options.model, parsed)));
  }

  async #show(outcome: CommandOutcome): Promise<void> {
    switch (outcome.type) {
      case "done":
        this.#say(outcome.text, false);
        return;
      case "page":
        this.#put({ overlay: { ...outcome, top: 0 } });
        return;
      case "found":
        this.#put({ overlay: { ...outcome, index: 0 } });
        return;
      case "help":
        this.#put({ overlay: { type: "help", top: 0 } });
        return;
      case "quit":
        this.#options.onQuit();
        return;
      case "open":
        await this.#open(outcome.key);
        if (outcome.text !== "") this.#say(outcome.text, false);
    }
  }

  async #open(key: string): Promise<void> {
    const { model } = this.#options;
    const { current } = model.state;
    if (current !== undefined && current !== key) this.#drafts.set(current, this.#state.editor);
    this.#put({
      overlay: undefined,
      selected: undefined,
      anchor: undefined,
      completion: undefined,
      ...(current === key ? {} : { writing: { type: "say" }, editor: this.#drafts.get(key) ?? emptyEditor }),
    });
    await model.open(key).catch((error: unknown) => this.trouble(toParleyError(error)));
  }

  /** Opens a conversation at a message that was found, if it can be loaded. */
  async #openAt(message: ArchivedMessage): Promise<void> {
    await this.#open(message.conversation);
    await this.#options.model.loadBackTo(message);
    this.#select(message.id);
  }

  #act(work: () => Promise<unknown>, lost?: Editor): void {
    work().catch((error: unknown) => {
      this.trouble(toParleyError(error));
      // What could not be said is not lost.
      if (lost !== undefined && this.#state.editor.text === "") this.#put({ editor: lost });
    });
  }

  #say(text: string, bad: boolean): void {
    this.#toast?.cancel();
    this.#toast = this.#options.model.clock.setTimer(toastMs, () => this.#put({ toast: undefined }));
    this.#put({ toast: { text, bad } });
  }

  #put(change: Partial<ScreenState>): void {
    this.#state = { ...this.#state, ...change };
    this.#changed();
  }

  #changed(): void {
    this.#view = undefined;
    const { focused, anchor, overlay } = this.#state;
    if (focused && anchor === undefined && overlay === undefined) this.#options.model.attend();
    this.#countDown();
    for (const listener of this.#listeners) listener();
  }

  /** Time moves on the screen only while something counts down. */
  #countDown(): void {
    const { model } = this.#options;
    if (this.#tick !== undefined || model.state.connection.retryAt === undefined) return;
    if (model.state.connection.state !== "waiting") return;
    this.#state = { ...this.#state, now: model.clock.now() };
    this.#tick = model.clock.setTimer(tickMs, () => {
      this.#tick = undefined;
      this.#put({ now: model.clock.now() });
    });
  }
}

const keyOf = (name: KeyPress["name"]): KeyPress => ({ name, text: "", ctrl: false, alt: false, shift: false });
