import type { ArchivedMessage } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";

import { type ScreenView, targetAt } from "../layout/screen-view.ts";
import type { Conversation } from "../model/chat-state.ts";
import { type CommandOutcome, runCommand } from "../model/command-runner.ts";
import { completed, completionAt, type CompletionWords, nextCandidate } from "../model/completion.ts";
import { neighbourOf, nextUnread } from "../model/conversation-list.ts";
import { type Editor, editorOf, emptyEditor, insert, vertical } from "../model/editor.ts";
import { InputHistory } from "../model/input-history.ts";
import { parseSlash, slashCommands } from "../model/slash-command.ts";
import { graphemesOf } from "../text/text-width.ts";
import type { Background, Theme } from "../text/theme.ts";
import { edited, pasted } from "./editing-keys.ts";
import type { KeyPress, MouseAct } from "./key-press.ts";
import { MessageKeys } from "./message-keys.ts";
import { overlayKey } from "./overlay-keys.ts";
import type { Overlay, ScreenState } from "./screen-state.ts";
import { type ChatScreenOptions, ScreenStore } from "./screen-store.ts";

/** Rows of one notch of the wheel. */
const wheelRows = 3;

/** What keys and mouse do, and what is shown: everything of a full screen but the terminal. */
export class ChatScreen {
  readonly #options: ChatScreenOptions;
  readonly #store: ScreenStore;
  readonly #messages: MessageKeys;
  readonly #drafts = new Map<string, Editor>();
  readonly #history = new InputHistory();

  constructor(options: ChatScreenOptions) {
    this.#options = options;
    this.#store = new ScreenStore(options);
    this.#messages = new MessageKeys(options.model, this.#store);
  }

  stop(): void {
    this.#store.stop();
  }

  get theme(): Theme {
    return this.#store.theme;
  }

  get state(): ScreenState {
    return this.#store.state;
  }

  /** What is to be seen. The same object until something changes. */
  get view(): ScreenView {
    return this.#store.view;
  }

  subscribe(listener: () => void): () => void {
    return this.#store.subscribe(listener);
  }

  resize(columns: number, rows: number): void {
    this.#store.put({ columns, rows });
    // The end may be on the screen now.
    if (this.#store.state.anchor !== undefined) this.#messages.scroll(0);
  }

  /** The terminal got the keyboard, or lost it. */
  focus(focused: boolean): void {
    if (!focused) this.#options.model.markSeen();
    this.#store.put({ focused });
  }

  setBackground(background: Background): void {
    this.#store.setBackground(background);
  }

  /** Something went wrong that nobody waits for. */
  trouble(error: ParleyError): void {
    this.#store.trouble(error);
  }

  paste(text: string): void {
    const { overlay } = this.#store.state;
    if (overlay?.type === "switch")
      this.#store.put({ overlay: { ...overlay, query: pasted(overlay.query, text), index: 0 } });
    else if (overlay === undefined) this.#write(pasted(this.#store.state.editor, text));
  }

  /** A key, or a run of text that came at once; where letters mean something each of them is a key of its own. */
  press(key: KeyPress): void {
    const isRun = key.name === "text" && this.#store.state.selected !== undefined;
    for (const text of isRun ? graphemesOf(key.text) : [key.text]) this.#pressOne({ ...key, text });
  }

  #pressOne(key: KeyPress): void {
    const { overlay, editor } = this.#store.state;
    if (key.ctrl && key.text === "c") {
      if (overlay !== undefined) this.#store.put({ overlay: undefined });
      else if (editor.text === "") this.#options.onQuit();
      else this.#stopWriting();
      return;
    }
    if (this.#goKey(key)) return;
    if (overlay !== undefined) this.#overlayPress(overlay, key);
    else if (this.#store.state.selected === undefined || !this.#messages.press(this.#store.state.selected, key))
      this.#plainKey(key);
  }

  mouse(act: MouseAct): void {
    if (act.type === "wheel") {
      const { overlay } = this.#store.state;
      if (overlay === undefined) this.#messages.scroll(act.by * wheelRows);
      else this.#overlayPress(overlay, keyOf(act.by < 0 ? "up" : "down"));
      return;
    }
    const target = targetAt(this.#store.view, act.x, act.y);
    if (target === undefined) return;
    switch (target.type) {
      case "conversation":
        void this.open(target.key);
        return;
      case "message":
        this.#messages.select(this.#store.state.selected === target.id ? undefined : target.id);
        return;
      case "thread":
        this.#messages.openThread(this.#messages.messageOf(target.id));
        return;
      case "accept":
      case "block":
        this.#command(`/${target.type}`);
        return;
      case "choice":
        this.#choose(target.index);
        return;
      case "bottom":
        this.#store.put({ anchor: undefined });
    }
  }

  /** Keys that mean the same everywhere. */
  #goKey(key: KeyPress): boolean {
    const { model } = this.#options;
    const modified = key.alt || key.ctrl;
    if (modified && (key.name === "up" || key.name === "left")) this.#go(neighbourOf(model.state, -1));
    else if (modified && (key.name === "down" || key.name === "right")) this.#go(neighbourOf(model.state, 1));
    else if (key.alt && key.text === "n") this.#go(nextUnread(model.state));
    else if (key.ctrl && key.text === "k")
      this.#store.put({ overlay: { type: "switch", query: emptyEditor, index: 0 } });
    else if (key.ctrl && key.text === "l") this.#store.put({ overlay: { type: "list" } });
    else return false;
    return true;
  }

  #go(key: string | undefined): void {
    if (key !== undefined) void this.open(key);
  }

  #overlayPress(overlay: Overlay, key: KeyPress): void {
    const { model } = this.#options;
    const act = overlayKey(overlay, key, model);
    if (act.type === "keep") this.#store.put({ overlay: act.overlay });
    else if (act.type === "open") void this.open(act.key);
    else if (act.type === "show") void this.open(act.key, overlay);
    else if (act.type === "found") this.#store.act(() => this.#openAt(act.message));
    else if (act.type === "look") this.#command(`/msg ${act.name.startsWith("@") ? act.name : `@${act.name}`}`);
    else this.#store.put({ overlay: undefined });
  }

  #choose(index: number): void {
    const { overlay, completion, editor } = this.#store.state;
    if (overlay?.type === "switch" || overlay?.type === "found")
      this.#overlayPress({ ...overlay, index }, keyOf("enter"));
    else if (completion !== undefined)
      this.#store.put({ editor: completed(editor, { ...completion, index }), completion: undefined });
  }

  #plainKey(key: KeyPress): void {
    const { editor, completion } = this.#store.state;
    const isEmpty = editor.text === "";
    if (key.name === "tab") this.#tab(key);
    else if (key.name === "escape") this.#escape();
    else if (key.name === "pageup") this.#messages.scroll(1 - this.#store.view.timelineRows);
    else if (key.name === "pagedown") this.#messages.scroll(this.#store.view.timelineRows - 1);
    else if (key.name === "enter" && (key.alt || key.shift)) this.#write(insert(editor, "\n"));
    else if (key.ctrl && key.text === "j") this.#write(insert(editor, "\n"));
    else if (key.name === "enter") this.#submit();
    else if (key.name === "up" || key.name === "down") this.#vertical(key.name === "up" ? -1 : 1);
    else if (key.ctrl && key.text === "p") this.#recall(this.#history.previous(editor.text));
    else if (key.ctrl && key.text === "n") this.#recall(this.#history.next());
    else if (key.ctrl && key.text === "t") this.#messages.toggleThread();
    else if (key.ctrl && key.text === "d" && isEmpty) this.#options.onQuit();
    else if (key.alt && key.text === "a") this.#command("/accept");
    else if (key.alt && key.text === "b") this.#command("/block");
    else if (key.text === "?" && isEmpty && this.#store.state.writing.type === "say")
      this.#store.put({ overlay: { type: "help", top: 0 } });
    else {
      const next = edited(editor, key);
      if (next !== undefined) this.#write(next);
      else if (completion !== undefined) this.#store.put({ completion: undefined });
    }
  }

  #tab(key: KeyPress): void {
    const { editor, completion } = this.#store.state;
    if (editor.text === "") {
      this.#go(neighbourOf(this.#options.model.state, key.shift ? -1 : 1));
      return;
    }
    const offered = completion === undefined ? completionAt(editor, this.#words()) : nextCandidate(completion);
    if (offered === undefined) return;
    const editorNow = completed(editor, offered);
    this.#store.put({ editor: editorNow, completion: offered.candidates.length === 1 ? undefined : offered });
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
    const { completion, writing, anchor } = this.#store.state;
    if (completion !== undefined) this.#store.put({ completion: undefined });
    else if (writing.type !== "say") this.#stopWriting();
    else if (anchor !== undefined) this.#store.put({ anchor: undefined });
    else this.#options.model.closeThread();
  }

  /** Up and down: through what is written, else to the messages above. */
  #vertical(step: -1 | 1): void {
    const { editor } = this.#store.state;
    const moved = vertical(editor, step);
    if (moved !== undefined) this.#store.put({ editor: moved });
    else if (editor.text !== "") return;
    else if (step < 0) this.#messages.selectBy(-1);
    else this.#store.put({ anchor: undefined });
  }

  #recall(line: string | undefined): void {
    if (line !== undefined) this.#store.put({ editor: editorOf(line) });
  }

  #write(editor: Editor): void {
    this.#store.put({ editor, completion: undefined, selected: undefined });
    const conversation = this.#store.conversation;
    if (conversation === undefined || conversation.contact?.standing === "request" || editor.text.startsWith("/"))
      return;
    this.#options.model.device.conversations.typing(conversation.key, editor.text !== "");
  }

  #stopWriting(): void {
    const conversation = this.#store.conversation;
    this.#store.put({ editor: emptyEditor, writing: { type: "say" }, completion: undefined });
    if (conversation !== undefined) this.#options.model.device.conversations.typing(conversation.key, false);
  }

  #submit(): void {
    const { editor, writing } = this.#store.state;
    const text = editor.text.trim();
    if (text === "") return;
    const slash = writing.type === "say" ? parseSlash(text) : undefined;
    if (slash !== undefined) {
      this.#history.add(text);
      this.#stopWriting();
      this.#command(text);
      return;
    }
    const conversation = this.#store.conversation;
    if (conversation === undefined) {
      this.#store.say("Open a conversation first: Ctrl+K, /join #channel or /msg @name.", true);
      return;
    }
    this.#history.add(text);
    this.#stopWriting();
    this.#store.put({ anchor: undefined });
    this.#store.act(() => this.#sendTo(conversation, text.replace(/^\/\//, "/"), writing), editor);
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
      this.#store.say(`There is no command /${parsed.unknown}.${near}`, true);
      return;
    }
    this.#store.act(async () => this.#show(await runCommand(this.#options.model, parsed)));
  }

  async #show(outcome: CommandOutcome): Promise<void> {
    switch (outcome.type) {
      case "done":
        this.#store.say(outcome.text, false);
        return;
      case "page":
        this.#store.put({ overlay: { ...outcome, top: 0 } });
        return;
      case "found":
        this.#store.put({ overlay: { ...outcome, index: 0 } });
        return;
      case "help":
        this.#store.put({ overlay: { type: "help", top: 0 } });
        return;
      case "quit":
        this.#options.onQuit();
        return;
      case "open":
        await this.open(outcome.key);
        if (outcome.text !== "") this.#store.say(outcome.text, false);
    }
  }

  /** Shows a conversation, with what was written in it before; what lies on top goes unless it is to stay. */
  async open(key: string, overlay?: Overlay): Promise<void> {
    const { model } = this.#options;
    const { current } = model.state;
    const { editor, writing } = this.#store.state;
    if (current !== undefined && current !== key && writing.type === "say") this.#drafts.set(current, editor);
    // First: nothing of the one before counts as read because what lay over it goes.
    const opening = model.open(key);
    this.#store.put({
      overlay,
      selected: undefined,
      completion: undefined,
      ...(current === key
        ? { anchor: undefined }
        : { writing: { type: "say" }, editor: this.#drafts.get(key) ?? emptyEditor }),
    });
    await opening.catch((error: unknown) => this.trouble(toParleyError(error)));
  }

  /** Opens a conversation at a message that was found, if it can be loaded. */
  async #openAt(message: ArchivedMessage): Promise<void> {
    const { model } = this.#options;
    // It may be of a channel that was left, which is in no list.
    await this.open(await model.find(message.conversation));
    await model.loadBackTo(message);
    this.#messages.select(message.id);
  }
}

const keyOf = (name: KeyPress["name"]): KeyPress => ({ name, text: "", ctrl: false, alt: false, shift: false });
