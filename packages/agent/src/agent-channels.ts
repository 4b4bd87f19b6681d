/**
 * The channels of an agent at work: it joins those that its manifest names, and hears who calls it in any that it is in. Where it stands in
 * each is kept by its device, so that nothing that called it is missed while it is off.
 */
import type { ChannelView, DeviceApi, DeviceEvent, IncomingPost, LogLine } from "@parley/client";
import type { Sender } from "@parley/client";
import { textContent, toParleyError, type Via } from "@parley/protocol";

import { neutralText } from "./guards/neutral.ts";

/** A post that calls this agent: by its name, by a role that it has, or by a tag of its skills. */
export interface Mention {
  /** `#<id>` of the channel, for `mesh.channel`. */
  readonly channel: string;
  readonly channelName: string;
  /** Who wrote it, verified. */
  readonly from: Omit<Sender, "device"> & { readonly device: string | undefined };
  /** Set where `from` is an edge of the mesh, such as the plain door, that speaks for somebody else. */
  readonly via: Via | undefined;
  /** Control and invisible characters are visible in it, unless the manifest says `raw`. */
  readonly text: string;
  /** As its author signed it. */
  readonly raw: string;
  /** It names this agent; otherwise it calls all with a role or a tag. */
  readonly byName: boolean;
  /** How many messages of agents led to this one, by its author's word. */
  readonly hops: number;
  readonly post: IncomingPost;
  /** The handler may have had it before. */
  readonly redelivered: boolean;
}

export interface AgentChannelsOptions {
  readonly device: DeviceApi;
  /** Channels to be in, by name. */
  readonly wanted: readonly string[];
  /** Posts of a channel come one after the other. One that it throws on comes again, five times at most. */
  readonly onMention: ((mention: Mention) => void | Promise<void>) | undefined;
  /** Whether control and invisible characters are made visible in what is handed out. */
  readonly neutral: boolean;
  readonly log: LogLine;
}

/** Name of the place that the device keeps in each channel. */
const place = "agent-mentions";

export class AgentChannels {
  readonly #options: AgentChannelsOptions;
  /** Where the agent was let in, in this life of the process: who takes it out is not gainsaid. */
  readonly #joined = new Set<string>();
  /** By channel id: how to leave off. */
  readonly #followed = new Map<string, () => void>();
  #unwatch: () => void = () => undefined;
  #looking: Promise<void> = Promise.resolve();
  #waits = false;
  #stopped = false;

  constructor(options: AgentChannelsOptions) {
    this.#options = options;
  }

  /** Resolves when it is where it can be now; the rest follows with the next session. */
  async begin(): Promise<void> {
    const { device, wanted, onMention } = this.#options;
    if (wanted.length === 0 && onMention === undefined) return;
    this.#unwatch = device.watch((event) => {
      if (this.#concerns(event)) void this.#look();
    });
    await this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
    for (const leave of this.#followed.values()) leave();
    this.#followed.clear();
  }

  #concerns(event: DeviceEvent): boolean {
    if (event.type === "session") return event.state === "connected";
    return event.type === "channel" && event.member === this.#options.device.member && event.what !== "present";
  }

  /** One look after the other; what happens meanwhile asks for one more. */
  #look(): Promise<void> {
    if (this.#waits) return this.#looking;
    this.#waits = true;
    this.#looking = this.#looking.then(async () => {
      this.#waits = false;
      if (this.#stopped) return;
      await this.#joinWanted();
      await this.#followJoined();
    });
    return this.#looking;
  }

  async #joinWanted(): Promise<void> {
    const { device, wanted, log } = this.#options;
    for (const channel of wanted) {
      if (this.#joined.has(channel)) continue;
      try {
        await device.conversations.joinChannel(channel);
        this.#joined.add(channel);
      } catch (error) {
        log("warn", "agent.channel-not-joined", { channel, code: toParleyError(error).code });
      }
    }
  }

  async #followJoined(): Promise<void> {
    const { device, onMention, log } = this.#options;
    if (onMention === undefined) return;
    try {
      const views = await device.conversations.channels({ joined: true });
      const here = new Set(views.map(({ channel }) => channel));
      for (const [channel, leave] of this.#followed) {
        if (here.has(channel)) continue;
        this.#followed.delete(channel);
        leave();
      }
      for (const view of views) if (!this.#followed.has(view.channel)) await this.#follow(view, onMention);
    } catch (error) {
      log("warn", "agent.channels-not-followed", { code: toParleyError(error).code });
    }
  }

  /** Whoever comes through an edge is what the edge knows of it, however far one goes with the edge. */
  async #standingOf(member: string, via: Via | undefined): Promise<Omit<Sender, "member" | "name" | "device">> {
    const { kind, roles, trust, verified } = await this.#options.device.guards.standingOf(member);
    return via === undefined ? { kind, roles, trust, verified } : { kind, roles: [], trust: "edge", verified: false };
  }

  async #follow({ channel }: ChannelView, onMention: (mention: Mention) => void | Promise<void>): Promise<void> {
    const { neutral, device } = this.#options;
    const own = device.member;
    const leave = await device.conversations.subscribe(
      `#${channel}`,
      async (post) => {
        const { message, channelName, redelivered } = post;
        const said = textContent(message.content);
        if (message.mentioned !== true || said === undefined || said.notice !== undefined) return;
        const { author: member, name, device, via } = message;
        const from = { member, name, device, ...(await this.#standingOf(member, via)) };
        const byName = said.mentions?.some((each) => "member" in each && each.member === own) === true;
        const { text: raw, hops = 0 } = said;
        const text = neutral ? neutralText(raw) : raw;
        await onMention({ channel: `#${channel}`, channelName, from, via, text, raw, byName, hops, post, redelivered });
      },
      { name: place },
    );
    if (this.#stopped) leave();
    else this.#followed.set(channel, leave);
  }
}
