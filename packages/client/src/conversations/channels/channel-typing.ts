/** Tells the others in a channel that this member writes: now and then, and never kept. */
import type { Clock } from "@parley/core";

import type { Session } from "../../session.ts";

export interface ChannelTypingOptions {
  readonly clock: Clock;
  readonly session: Pick<Session, "isOpen" | "request">;
}

/** While somebody goes on it is not said again sooner. */
const sayAgainMs = 4000;
const mostChannels = 256;

export class ChannelTyping {
  readonly #options: ChannelTypingOptions;
  /** When it was said last, by channel; monotonic. */
  readonly #said = new Map<string, number>();

  constructor(options: ChannelTypingOptions) {
    this.#options = options;
  }

  say(channel: string, writes: boolean): void {
    const { clock, session } = this.#options;
    const now = clock.monotonic();
    const before = this.#said.get(channel);
    if (writes ? before !== undefined && now - before < sayAgainMs : before === undefined) return;
    if (this.#said.size >= mostChannels) this.#said.clear();
    if (writes) this.#said.set(channel, now);
    else this.#said.delete(channel);
    // It was only a hint.
    if (session.isOpen) session.request("channel.typing", { channel, writes }).catch(() => undefined);
  }
}
