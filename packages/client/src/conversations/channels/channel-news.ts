/** What the registry tells of channels besides their posts: who came and went, who writes, what was changed. */
import type { Clock, Timer } from "@parley/core";
import type { ChannelMember, PushBody, PushMessage } from "@parley/protocol";

import type { Directory } from "../../directory.ts";
import type { Session } from "../../session.ts";
import type { ConversationEvent } from "../conversation-api.ts";
import { channelConversation } from "../conversation-log.ts";
import type { ChannelBook } from "./channel-book.ts";
import type { ChannelCipher } from "./channel-cipher.ts";
import type { ChannelPeople } from "./channel-people.ts";

export interface ChannelNewsOptions {
  /** The own member's id. */
  readonly member: string;
  readonly clock: Pick<Clock, "now" | "setTimer">;
  readonly session: Pick<Session, "isOpen">;
  readonly directory: Pick<Directory, "known" | "get">;
  readonly book: ChannelBook;
  readonly people: Pick<ChannelPeople, "changed">;
  readonly cipher: ChannelCipher | undefined;
  readonly emit: (event: ConversationEvent) => void;
  readonly onError: (error: unknown) => void;
}

type Told = PushBody<"channel.event">;
/** What is told on as an event of the channel. */
type News = Told & { readonly what: Exclude<Told["what"], "typing" | "quiet"> };

/** A channel that was asked for just now, and what was told of it since. */
interface Fresh {
  readonly timer: Timer;
  last: News | undefined;
}

/** Writers whose names are being asked for; more are not shown. */
const mostAsked = 16;
/** A channel that changes again and again is asked for so often at most: what it came to is what counts. */
const askAgainMs = 1000;
/** Channels that were asked for within that time. */
const mostFresh = 256;

export class ChannelNews {
  readonly #options: ChannelNewsOptions;
  #asked = 0;
  readonly #fresh = new Map<string, Fresh>();

  constructor(options: ChannelNewsOptions) {
    this.#options = options;
  }

  /** True when it was about channels. */
  onPush(push: Exclude<PushMessage, { type: "frame.results" }>): boolean {
    const { cipher, onError } = this.#options;
    switch (push.type) {
      case "channel.event":
        this.#onEvent(push.body).catch(onError);
        return true;
      case "channel.invited":
        this.#onInvited(push.body);
        return true;
      case "group.changed":
        cipher?.onGroupChanged(push.body.channel, push.body.epoch).catch(onError);
        return true;
      default:
        return false;
    }
  }

  stop(): void {
    for (const { timer } of this.#fresh.values()) timer.cancel();
    this.#fresh.clear();
  }

  #onInvited({ channel, by }: PushBody<"channel.invited">): void {
    const { member, clock, emit, book, cipher, onError } = this.#options;
    const { joined, encrypted } = book.note(channel);
    // It was in the channel, and the others did not let it into the group.
    if (joined && encrypted) cipher?.onFollow(channel.channel).catch(onError);
    const name = this.#nameOf(member);
    emit({ type: "channel", channel: channel.channel, what: "invited", member, name, by, at: clock.now() });
  }

  async #onEvent({ channel, what, member, by, at }: Told): Promise<void> {
    const { book, people } = this.#options;
    if (what === "typing" || what === "quiet") return this.#onTyping(channel, member, what === "typing");
    if (what !== "present" && what !== "absent") people.changed(channel);
    if (what === "changed") return this.#onChanged({ channel, what, member, by, at });
    if (member === this.#options.member) await this.#onOwn(channel, what);
    else if (what === "joined") book.count(channel, 1);
    else if (what === "left" || what === "kicked" || what === "removed") book.count(channel, -1);
    this.#tell({ channel, what, member, by, at });
  }

  #tell({ channel, what, member, by, at }: News): void {
    this.#options.emit({ type: "channel", channel, what, member, name: this.#nameOf(member), by, at });
  }

  async #onChanged(told: News): Promise<void> {
    const { clock, session, book, onError } = this.#options;
    const { channel } = told;
    const fresh = this.#fresh.get(channel);
    if (fresh !== undefined) fresh.last = told;
    if (fresh !== undefined || this.#fresh.size >= mostFresh) return;
    const timer = clock.setTimer(askAgainMs, () => {
      const last = this.#fresh.get(channel)?.last;
      this.#fresh.delete(channel);
      if (last !== undefined && session.isOpen) this.#onChanged(last).catch(onError);
    });
    this.#fresh.set(channel, { timer, last: undefined });
    await book.refresh(channel);
    this.#tell(told);
  }

  /** Another device of this member came in, or it is in the channel no more. */
  async #onOwn(channel: string, what: Told["what"]): Promise<void> {
    const { book } = this.#options;
    if (what === "left" || what === "kicked" || what === "removed") book.leave(channel);
    else if (what === "joined" && !book.isJoined(channel)) await book.refresh(channel);
  }

  async #onTyping(channel: string, member: string | undefined, writes: boolean): Promise<void> {
    const { directory, emit } = this.#options;
    if (member === undefined || member === this.#options.member) return;
    let name = this.#nameOf(member);
    if (name === undefined) {
      if (this.#asked >= mostAsked) return;
      this.#asked++;
      try {
        ({ name } = await directory.get(member));
      } catch {
        return;
      } finally {
        this.#asked--;
      }
    }
    emit({ type: "typing", conversation: channelConversation(channel), member, name, writes });
  }

  #nameOf(member: ChannelMember["member"] | undefined): string | undefined {
    return member === undefined ? undefined : this.#options.directory.known(member)?.name;
  }
}
