import type { Timer } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";

import { geometryOf } from "../layout/geometry.ts";
import { type ScreenView, screenView } from "../layout/screen-view.ts";
import { newKey } from "../layout/timeline.ts";
import { anchorBelow } from "../layout/window.ts";
import type { ChatModel } from "../model/chat-model.ts";
import type { Conversation } from "../model/chat-state.ts";
import type { Editor } from "../model/editor.ts";
import { type Background, type Theme, themeFor } from "../text/theme.ts";
import { firstScreen, type ScreenState } from "./screen-state.ts";

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

/** Holds what a screen shows, makes it visible, and tells whoever looks that it is another one. */
export class ScreenStore {
  readonly #options: ChatScreenOptions;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #state: ScreenState;
  #theme: Theme;
  #toast: Timer | undefined;
  #tick: Timer | undefined;
  #view: ScreenView | undefined;
  /** The conversation that is on the screen, and whether it is known where in it the screen begins. */
  #shown: string | undefined;
  #isPlaced = false;

  constructor(options: ChatScreenOptions) {
    const { model, columns, rows, background, colours } = options;
    this.#options = options;
    this.#state = firstScreen(columns, rows, background, model.clock.now());
    this.#theme = themeFor(background, colours);
    this.#unsubscribe = model.subscribe(() => this.#changed());
  }

  stop(): void {
    this.#unsubscribe();
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

  /** The current conversation. */
  get conversation(): Conversation | undefined {
    const { state } = this.#options.model;
    return state.current === undefined ? undefined : state.conversations.get(state.current);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  setBackground(background: Background): void {
    this.#theme = themeFor(background, this.#options.colours);
    this.put({ background });
  }

  /** Shows something for a while. */
  say(text: string, bad: boolean): void {
    this.#toast?.cancel();
    this.#toast = this.#options.model.clock.setTimer(toastMs, () => this.put({ toast: undefined }));
    this.put({ toast: { text, bad } });
  }

  put(change: Partial<ScreenState>): void {
    this.#state = { ...this.#state, ...change };
    this.#changed();
  }

  #changed(): void {
    this.#view = undefined;
    this.#place();
    if (this.#isSeen) this.#options.model.attend();
    this.#countDown();
    for (const listener of this.#listeners) listener();
  }

  /** Another conversation is shown from its end, or from where what is new begins when that is further up. */
  #place(): void {
    const { conversation } = this;
    if (conversation?.key !== this.#shown) {
      this.#shown = conversation?.key;
      this.#isPlaced = false;
      this.#state = { ...this.#state, anchor: undefined };
    }
    if (conversation === undefined || this.#isPlaced || !conversation.loaded) return;
    this.#isPlaced = true;
    if (conversation.unread === 0) return;
    const { blocks, timelineRows } = this.view;
    this.#view = undefined;
    this.#state = { ...this.#state, anchor: anchorBelow(blocks, timelineRows, newKey) };
  }

  /** The end of the conversation is on the screen, and somebody looks, as far as the terminal says. */
  get #isSeen(): boolean {
    const { focused, anchor, overlay, columns, rows } = this.#state;
    if (!focused || anchor !== undefined || overlay !== undefined) return false;
    return this.#options.model.state.thread === undefined || geometryOf(columns, rows, true).side > 0;
  }

  /** Time moves on the screen only while something counts down. */
  #countDown(): void {
    const { model } = this.#options;
    if (this.#tick !== undefined || model.state.connection.retryAt === undefined) return;
    if (model.state.connection.state !== "waiting") return;
    this.#state = { ...this.#state, now: model.clock.now() };
    this.#tick = model.clock.setTimer(tickMs, () => {
      this.#tick = undefined;
      this.put({ now: model.clock.now() });
    });
  }

  /** Does something that may fail; what could not be said is not lost. */
  act(work: () => Promise<unknown>, lost?: Editor): void {
    work().catch((error: unknown) => {
      this.trouble(toParleyError(error));
      if (lost !== undefined && this.#state.editor.text === "") this.put({ editor: lost });
    });
  }

  /** Something went wrong that nobody waits for. */
  trouble(error: ParleyError): void {
    this.say(error.message, true);
  }
}
