/**
 * Which conversations of this agent go round in circles: one watch for each, fed from the archive, which has what came and
 * what was said, also before this start.
 */
import type { DeviceApi, LogLine, LoopStop } from "@parley/client";
import { type LoopReason, LoopWatch } from "@parley/core";
import { textContent, toParleyError } from "@parley/protocol";

/** The message that is about to be handed out. */
export interface JudgedMessage {
  readonly id: string;
  /** `@<member id>` or `#<channel id>`. */
  readonly conversation: string;
  /** As people know it. */
  readonly name: string;
  readonly thread: string | undefined;
}

export interface LoopsOptions {
  readonly device: DeviceApi;
  readonly quietMs: number;
  readonly now: () => number;
  readonly log: LogLine;
}

interface Watched {
  readonly watch: LoopWatch;
  /** Place in the archive up to which it was fed. */
  after: number | undefined;
  /** One judgement after the other. */
  order: Promise<unknown>;
}

/** Conversations under watch; the one that was silent longest is forgotten, and read from the archive again. */
const mostWatched = 512;
/** Messages read when a conversation is met first, and at most from then on. */
const firstMessages = 32;
const pageMessages = 64;
/** Kinds of members that are remembered. */
const mostKinds = 4096;

export class Loops {
  readonly #options: LoopsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #kinds = new Map<string, "agent" | "person">();
  /** Those that an earlier start stopped. */
  readonly #stopped = new Map<string, LoopStop>();

  constructor(options: LoopsOptions) {
    this.#options = options;
  }

  async begin(): Promise<void> {
    for (const loop of await this.#options.device.guards.loops()) this.#stopped.set(loop.conversation, loop);
  }

  /** Somebody let a conversation go on. */
  resume(key: string): void {
    this.#stopped.delete(key);
    this.#watched.get(key)?.watch.resume();
  }

  /** Whether the conversation of a message stands still. */
  isStopped(message: JudgedMessage): boolean {
    return this.#stopped.has(keyOf(message));
  }

  /** Why a message is not for the program; undefined when it is. */
  async verdict(message: JudgedMessage): Promise<LoopReason | undefined> {
    const key = keyOf(message);
    const watched = this.#watchOf(key);
    const judging = watched.order.then(() => this.#judge(key, watched, message));
    watched.order = judging.catch(() => undefined);
    try {
      return await judging;
    } catch (error) {
      // A guard that cannot look stops nobody.
      this.#options.log("warn", "loop.not-watched", { code: toParleyError(error).code });
      return undefined;
    }
  }

  async #judge(key: string, watched: Watched, message: JudgedMessage): Promise<LoopReason | undefined> {
    await this.#feed(watched, message);
    const { watch } = watched;
    const reason = watch.stopped;
    const before = this.#stopped.get(key);
    if (reason === undefined) {
      if (before === undefined) return undefined;
      this.#stopped.delete(key);
      await this.#options.device.guards.resumeLoop(key);
      return undefined;
    }
    if (before === undefined) await this.#stop(key, message, reason);
    return reason;
  }

  async #feed(watched: Watched, { id, conversation, thread }: JudgedMessage): Promise<void> {
    const { device } = this.#options;
    const { after } = watched;
    const { messages } = await device.conversations.messages({
      conversation,
      ...(after === undefined ? { limit: firstMessages } : { after, limit: pageMessages }),
      ...(thread === undefined ? {} : { thread }),
    });
    for (const each of messages) {
      const said = textContent(each.content);
      const isOther = thread === undefined && said?.thread !== undefined;
      if (said !== undefined && said.notice === undefined && !isOther) {
        const kind = each.own ? "agent" : await this.#kindOf(each.author);
        const attachments = said.attachments?.length ?? 0;
        // An edge speaks for programs as well as for people, and nobody proved to be a person there.
        const from = each.via === undefined ? each.author : `${each.author}/${each.via.id}`;
        watched.watch.take({
          from,
          kind: each.via === undefined ? kind : "agent",
          text: said.text,
          at: each.taken,
          attachments,
        });
      }
      watched.after = each.sort;
      if (each.id === id) return;
    }
  }

  async #stop(key: string, message: JudgedMessage, reason: LoopReason): Promise<void> {
    const { device, log, now, quietMs } = this.#options;
    const loop: LoopStop = { conversation: key, name: message.name, since: now(), quietMs, reason };
    this.#stopped.set(key, loop);
    if (!(await device.guards.stopLoop(loop))) return;
    log("warn", "loop.stopped", { conversation: message.name, reason });
    const { conversation, thread } = message;
    const text = `Loop stopped: agents went round in circles here. @${device.name} takes no more of it until a person speaks, until it was quiet for ${Math.round(quietMs / 60_000)} minutes, or until \`parley guard resume\`.`;
    // Not awaited: what it says goes out in its time, and nothing depends on it.
    device.conversations
      .say(conversation, { text, notice: "loop-stopped", ...(thread === undefined ? {} : { thread }) })
      .catch((error: unknown) => log("warn", "loop.notice-not-said", { code: toParleyError(error).code }));
  }

  async #kindOf(member: string): Promise<"agent" | "person"> {
    const known = this.#kinds.get(member);
    if (known !== undefined) return known;
    const { kind } = await this.#options.device.guards.standingOf(member);
    if (this.#kinds.size >= mostKinds) this.#kinds.clear();
    this.#kinds.set(member, kind);
    return kind;
  }

  #watchOf(key: string): Watched {
    const known = this.#watched.get(key);
    if (known !== undefined) {
      this.#watched.delete(key);
      this.#watched.set(key, known);
      return known;
    }
    if (this.#watched.size >= mostWatched) this.#watched.delete(this.#watched.keys().next().value ?? "");
    const watch = new LoopWatch({ quietMs: this.#options.quietMs });
    const made: Watched = { watch, after: undefined, order: Promise.resolve() };
    this.#watched.set(key, made);
    return made;
  }
}

const keyOf = ({ conversation, thread }: JudgedMessage): string =>
  thread === undefined ? conversation : `${conversation}/${thread}`;
