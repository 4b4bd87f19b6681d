import type { ArchivedMessage } from "@parley/core";
import { textContent } from "@parley/protocol";

import { scrolledBy, scrolledTo } from "../layout/window.ts";
import type { ChatModel } from "../model/chat-model.ts";
import { editorOf } from "../model/editor.ts";
import type { KeyPress } from "./key-press.ts";
import type { ScreenStore } from "./screen-store.ts";

/** Going through messages: scrolling, selecting one, and what is done with it. */
export class MessageKeys {
  readonly #model: ChatModel;
  readonly #store: ScreenStore;
  #retracting: string | undefined;

  constructor(model: ChatModel, store: ScreenStore) {
    this.#model = model;
    this.#store = store;
  }

  /** Keys while a message is selected. False for one that goes to what is written. */
  press(id: string, key: KeyPress): boolean {
    const message = this.messageOf(id);
    if (message === undefined || this.#store.state.editor.text !== "") return false;
    if (key.name === "up" || key.name === "down") this.selectBy(key.name === "up" ? -1 : 1);
    else if (key.name === "escape") this.select(undefined);
    else if (key.name === "enter") this.#answer(message);
    else if (key.name !== "text" || key.ctrl || key.alt) {
      if (key.ctrl && key.text === "t") this.openThread(message);
      else return false;
    } else return this.#letter(message, key.text);
    return true;
  }

  #letter(message: ArchivedMessage, letter: string): boolean {
    if (letter === "r") this.#answer(message);
    else if (letter === "t") this.openThread(message);
    else if (letter === "+") this.#store.put({ writing: { type: "react", message }, selected: undefined });
    else if (letter === "e") this.#edit(message);
    else if (letter === "d") this.#retract(message);
    else if (letter === "?") this.#store.put({ overlay: { type: "help", top: 0 } });
    else return false;
    return true;
  }

  #answer(message: ArchivedMessage): void {
    this.#store.put({ writing: { type: "answer", message }, selected: undefined });
  }

  #edit(message: ArchivedMessage): void {
    const text = textContent(message.content)?.text;
    if (!message.own || text === undefined || message.retracted !== undefined)
      this.#store.say("Only your own messages can be edited.", true);
    else this.#store.put({ writing: { type: "edit", message }, editor: editorOf(text), selected: undefined });
  }

  #retract(message: ArchivedMessage): void {
    if (!message.own) {
      this.#store.say("Only your own messages can be retracted.", true);
    } else if (this.#retracting !== message.id) {
      this.#retracting = message.id;
      this.#store.say("d once more retracts it", false);
    } else {
      this.#retracting = undefined;
      this.select(undefined);
      this.#store.act(async () => {
        await this.#model.device.conversations.retract(message.conversation, message.id);
        this.#store.say("It was retracted.", false);
      });
    }
  }

  #selectable(): readonly ArchivedMessage[] {
    return this.#store.view.blocks.flatMap(({ message }) => (message === undefined ? [] : [message]));
  }

  /** The message above or below; below the last one none. */
  selectBy(step: -1 | 1): void {
    const messages = this.#selectable();
    const at = messages.findIndex(({ id }) => id === this.#store.state.selected);
    const next = at < 0 ? messages.length - 1 : at + step;
    if (next >= messages.length) this.select(undefined);
    else this.select(messages[Math.max(0, next)]?.id);
    if (next <= 0) this.#loadOlder();
  }

  /** Selects a message, or none, and shows it. */
  select(id: string | undefined): void {
    this.#retracting = undefined;
    this.#store.put({ selected: id });
    if (id === undefined) return;
    const { blocks, timelineRows } = this.#store.view;
    this.#store.put({ anchor: scrolledTo(blocks, timelineRows, this.#store.state.anchor, id).anchor });
  }

  /** A message that is loaded. */
  messageOf(id: string): ArchivedMessage | undefined {
    const { thread } = this.#model.state;
    const { messages = [], waiting = [] } = this.#store.conversation ?? {};
    return [...messages, ...waiting, ...(thread?.messages ?? [])].find((message) => message.id === id);
  }

  /** Opens the thread of the last message, or closes the one that is open. */
  toggleThread(): void {
    const model = this.#model;
    if (model.state.thread === undefined) this.openThread(this.#store.conversation?.messages.at(-1));
    else model.closeThread();
  }

  openThread(message: ArchivedMessage | undefined): void {
    if (message === undefined) return;
    this.#store.put({ selected: undefined, anchor: undefined });
    this.#store.act(() => this.#model.openThread(message.conversation, message));
  }

  /** By so many rows, up when negative; at the start older messages come. */
  scroll(by: number): void {
    const { blocks, timelineRows } = this.#store.view;
    const { anchor, atStart } = scrolledBy(blocks, timelineRows, this.#store.state.anchor, by);
    this.#store.put({ anchor });
    if (atStart && by < 0) this.#loadOlder();
  }

  #loadOlder(): void {
    const conversation = this.#store.conversation;
    if (conversation === undefined || this.#model.state.thread !== undefined) return;
    // What is on the screen stays there while older messages come in above it.
    const { blocks, timelineRows } = this.#store.view;
    const held = this.#store.state.anchor ?? scrolledBy(blocks, timelineRows, undefined, -1).anchor;
    if (conversation.older) this.#store.put({ anchor: held });
    this.#store.act(() => this.#model.loadOlder(conversation.key));
  }
}
