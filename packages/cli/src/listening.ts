/** What `parley listen` hears: direct messages, and posts of channels from where it stopped. */
import type { ChannelView, ConversationApi, DeviceApi, IncomingMessage, IncomingPost } from "@parley/client";
import { ParleyError } from "@parley/protocol";

export interface ListeningOptions {
  /** `#name`; none means every channel that the member is in. */
  readonly channels: readonly string[];
  /** Name of the place that the device keeps in each channel. */
  readonly place: string;
  /** Offset of the one channel after which to begin. */
  readonly since?: number;
  /** Posts from before that a channel begins with, where no place was kept. */
  readonly replay?: number;
}

/** Each resolves when it is dealt with; `leave` is called first where it shall come again to the next listener. */
export interface ListeningHandlers {
  readonly message: (message: IncomingMessage, leave: () => void) => Promise<void>;
  readonly post: (post: IncomingPost, leave: () => void) => Promise<void>;
}

/** A device, as far as it is listened to. */
export interface ListenedDevice extends Pick<DeviceApi, "member" | "onMessage" | "watch"> {
  readonly conversations: Pick<
    ConversationApi,
    "channels" | "channel" | "joinChannel" | "subscribe" | "messages" | "fetchOlder"
  >;
}

export class Listening {
  readonly #options: ListeningOptions;
  readonly #handlers: ListeningHandlers;
  readonly #names = new Map<string, string>();
  /** Ways out, by channel id; `""` of direct messages and events. */
  readonly #leaves = new Map<string, () => void>();
  /** Only the first time: a later holder goes on from the place that is kept. */
  #isBegun = false;

  constructor(options: ListeningOptions, handlers: ListeningHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  nameOf(channel: string): string {
    return this.#names.get(channel) ?? channel;
  }

  /** Begins, in public channels that were named by joining them. Gives the names of the channels. */
  async begin(device: ListenedDevice): Promise<readonly string[]> {
    const { channels } = this.#options;
    const leave = device.onMessage((message) => this.#handlers.message(message, () => this.end()));
    const unwatch = device.watch((event) => {
      if (event.type !== "channel" || event.member !== device.member) return;
      if (event.what === "joined" && channels.length === 0) this.#follow(device, event.channel);
      if (event.what === "left" || event.what === "kicked" || event.what === "removed") this.#leave(event.channel);
    });
    this.#leaves.set("", () => {
      leave();
      unwatch();
    });
    const views =
      channels.length === 0
        ? await device.conversations.channels({ joined: true })
        : await Promise.all(channels.map((name) => enter(device, name)));
    for (const view of views) await this.#subscribe(device, view);
    this.#isBegun = true;
    return views.map(({ name }) => `#${name}`);
  }

  end(): void {
    for (const leave of this.#leaves.values()) leave();
    this.#leaves.clear();
  }

  #leave(channel: string): void {
    this.#leaves.get(channel)?.();
    this.#leaves.delete(channel);
  }

  /** A channel that was joined meanwhile, here or on another device. */
  #follow(device: ListenedDevice, channel: string): void {
    device.conversations
      .channel(`#${channel}`)
      .then((view) => this.#subscribe(device, view))
      // It was left again, or the holder went: the next beginning finds out.
      .catch(() => undefined);
  }

  async #subscribe(device: ListenedDevice, { channel, name }: ChannelView): Promise<void> {
    if (!this.#leaves.has("") || this.#leaves.has(channel)) return;
    const { place, since, replay } = this.#options;
    const begin = this.#isBegun || since === undefined ? {} : { since };
    if ("since" in begin) await reachBack(device, `#${channel}`, since ?? 0);
    this.#names.set(channel, name);
    this.#leaves.set(channel, () => undefined);
    const stop = await device.conversations.subscribe(
      `#${channel}`,
      (post) => this.#handlers.post(post, () => this.end()),
      { name: place, ...begin, ...(replay === undefined ? {} : { replay }) },
    );
    if (this.#leaves.has(channel)) this.#leaves.set(channel, stop);
    else stop();
  }
}

/** A named channel: one that is open is joined. */
async function enter(device: ListenedDevice, name: string): Promise<ChannelView> {
  const view = await device.conversations.channel(name);
  if (view.joined) return view;
  if (view.kind !== "public")
    throw new ParleyError(view.open ? "not_in_channel" : "not_invited", {
      message: view.open
        ? `You are invited to ${name}, and not in it yet; run \`parley channel join '${name}'\`.`
        : `${name} is for those who are invited; ask one of its members.`,
    });
  return device.conversations.joinChannel(name);
}

/** Fetches posts that the device does not have, back to an offset. */
async function reachBack(device: ListenedDevice, conversation: string, since: number): Promise<void> {
  for (;;) {
    const { messages } = await device.conversations.messages({ conversation, after: 0, limit: 1 });
    const oldest = messages[0]?.sort;
    if (oldest !== undefined && oldest <= since + 1) return;
    if (!(await device.conversations.fetchOlder(conversation))) return;
  }
}
