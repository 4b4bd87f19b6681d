/** The few things a program needs to talk, over any device: one in this process, or one that another process holds. */
import { ParleyError, toParleyError } from "@parley/protocol";

import type { AskedApproval, StandingTerms } from "../../approvals/approval-api.ts";
import type { IncomingMessage, Sent } from "../../delivery.ts";
import type { DeviceApi, DeviceEvent } from "../../device-api.ts";
import type { Draft, SayOptions } from "../conversation-api.ts";
import { ChannelConversation, Conversation, type ConversationOptions, handingTo } from "./conversation.ts";
import { Flow, type FlowSource } from "./flow.ts";

export interface TalkOptions {
  /** Called last when it is closed, such as to end the device. */
  readonly onClose?: () => Promise<void>;
}

export interface LoopOptions {
  /** Ends the loop without an error. */
  readonly signal?: AbortSignal;
}

export type TextOptions = Omit<Draft, "text"> & SayOptions;

/** Events that wait for a loop. One that falls further behind ends with `limit_reached`: it would not know what it missed. */
const mostEvents = 1024;

interface Loop {
  stop(error?: ParleyError): void;
}

/** Everything throws `ParleyError`. What is not here is done with `device`. */
export class Talk {
  readonly device: DeviceApi;
  readonly #options: TalkOptions;
  /** Loops that read what is handed out, which ends with the device, and those that watch, which hear of that first. */
  readonly #readers = new Set<Loop>();
  readonly #watchers = new Set<Loop>();
  readonly #unwatch: () => void;
  #reads = false;
  #closing: Promise<void> | undefined;

  constructor(device: DeviceApi, options: TalkOptions) {
    this.device = device;
    this.#options = options;
    this.#unwatch = device.watch((event) => {
      if (event.type !== "session" || event.state !== "stopped") return;
      const error = event.error === undefined ? undefined : new ParleyError(event.error.code, event.error);
      for (const loop of this.#readers) loop.stop(error);
    });
  }

  /** Who this is: `member` and `device` are ids, `name` is without `@`. */
  get me(): Pick<DeviceApi, "member" | "device" | "name" | "mesh"> {
    const { member, device, name, mesh } = this.device;
    return { member, device, name, mesh };
  }

  /** Says something to `@name`, a member id or `#channel`. Resolves when it is accepted; `settled` of the answer says how it ended. */
  send(to: string, text: string, options: TextOptions = {}): Promise<Sent> {
    const { paths, ttlMs, signal, ...draft } = options;
    return this.device.conversations.say(
      to,
      { ...draft, text },
      {
        ...(paths === undefined ? {} : { paths }),
        ...(ttlMs === undefined ? {} : { ttlMs }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
  }

  /** Direct messages with `@name` or a member id. Nobody is asked before something is said or read. */
  dm(who: string): Conversation {
    return new Conversation(this.#conversation(who));
  }

  /** A channel, with or without its `#`. */
  channel(name: string): ChannelConversation {
    return new ChannelConversation(this.#conversation(name.startsWith("#") ? name : `#${name}`));
  }

  /**
   * Direct messages of others, those of one sender in order. A message is handled when the loop asks for the next one; what a loop left in the
   * middle comes again to the next loop. Beside those that the loop has not asked for yet, every sender waits. One loop at a time, else
   * `already_exists`.
   */
  messages({ signal }: LoopOptions = {}): AsyncIterableIterator<IncomingMessage, undefined> {
    return this.#flow<IncomingMessage>((give) => {
      if (this.#reads)
        throw new ParleyError("already_exists", { message: "Another loop reads the direct messages already." });
      this.#reads = true;
      const leave = this.device.onMessage(handingTo(give));
      return () => {
        this.#reads = false;
        leave();
      };
    }, signal);
  }

  /** What happens at the device from now on. Ends with the event that says that the device stopped. */
  events({ signal }: LoopOptions = {}): AsyncIterableIterator<DeviceEvent, undefined> {
    const flow: Flow<DeviceEvent> = this.#flow(
      (give) => {
        const unwatch = this.device.watch((event) => {
          give(event, () => undefined);
          if (event.type === "session" && event.state === "stopped") flow.finish();
          else if (flow.waiting >= mostEvents)
            flow.finish(new ParleyError("limit_reached", { message: `The loop fell behind by ${mostEvents} events.` }));
        });
        return unwatch;
      },
      signal,
      this.#watchers,
    );
    return flow;
  }

  /**
   * What waits for this member's yes, no or words, and then what comes; answered with `grant`, `deny` and `reply`. What is answered elsewhere
   * meanwhile is left out; `events()` tells of it.
   */
  approvals({ signal }: LoopOptions = {}): AsyncIterableIterator<AskedApproval, undefined> {
    const { device } = this;
    const flow: Flow<AskedApproval> = this.#flow((give) => {
      const seen = new Set<string>();
      const take = (asked: AskedApproval): void => {
        if (seen.has(asked.request)) return;
        seen.add(asked.request);
        give(asked, () => undefined);
        if (flow.waiting >= mostEvents)
          flow.finish(new ParleyError("limit_reached", { message: `The loop fell behind by ${mostEvents} requests.` }));
      };
      const unwatch = device.watch((event) => {
        if (event.type === "approval-asked") take(event.asked);
      });
      device.approvals.list().then(
        (waiting) => waiting.forEach(take),
        (error: unknown) => flow.finish(toParleyError(error)),
      );
      return unwatch;
    }, signal);
    return flow;
  }

  /** Says yes to exactly what was asked; with `standing` also to calls of the same skill to come. Throws `not_found`. */
  grant(asked: AskedApproval | readonly AskedApproval[], standing?: StandingTerms): Promise<void> {
    return this.device.approvals.answer(requestsOf(asked), "granted", standing);
  }

  /** Says no. */
  deny(asked: AskedApproval | readonly AskedApproval[]): Promise<void> {
    return this.device.approvals.answer(requestsOf(asked), "denied");
  }

  /** Answers a question of an agent. */
  reply({ request }: AskedApproval, text: string): Promise<void> {
    return this.device.approvals.reply(request, text);
  }

  /** Ends every loop, then what it stands on. A message or post that a loop still has in hand may come again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#unwatch();
    for (const loop of [...this.#readers, ...this.#watchers]) loop.stop();
    await this.#options.onClose?.();
  }

  #conversation(name: string): ConversationOptions {
    return {
      name,
      conversations: this.device.conversations,
      flow: (source, signal) => this.#flow(source, signal),
    };
  }

  #flow<Item>(source: FlowSource<Item>, signal: AbortSignal | undefined, loops = this.#readers): Flow<Item> {
    if (this.#closing !== undefined) throw new ParleyError("closed");
    const flow = new Flow(source, { signal, onEnd: (ended) => loops.delete(ended) });
    if (!flow.isOver) loops.add(flow);
    return flow;
  }
}

/** Talks through a device that was opened before, and that stays open when this is closed. */
export const talk = (device: DeviceApi, options: TalkOptions = {}): Talk => new Talk(device, options);

const requestsOf = (asked: AskedApproval | readonly AskedApproval[]): readonly string[] =>
  ("request" in asked ? [asked] : asked).map(({ request }) => request);
