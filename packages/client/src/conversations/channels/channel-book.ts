/** What this device knows of channels, by id and by name: as the registry tells, and as it was when that is away. */
import {
  type Channel,
  type ErrorCode,
  id32Schema,
  isParleyError,
  limits,
  parseChannelName,
  ParleyError,
  type RequestBody,
} from "@parley/protocol";

import type { Session } from "../../session.ts";
import type { KnownChannels } from "./known-channels.ts";

export interface ChannelBookOptions {
  readonly session: Pick<Session, "isOpen" | "request">;
  readonly kept: KnownChannels;
  /** This member came into a channel, or is in one that was not known to be its own. */
  readonly onJoined: (channel: Channel) => void;
  /** It is in a channel no more, for whatever reason. */
  readonly onLeft: (channel: string) => void;
}

/** Channels that are remembered without being one's own: the longest not asked for give way. */
const mostSeen: number = limits.channels;

/** Channels that were left and keep their names: those left longest ago give way. */
const mostLeft = 256;
/** Channels that an error names. */
const mostNamed = 8;

const isId = (text: string): boolean => id32Schema.safeParse(text).success;

export class ChannelBook {
  readonly #options: ChannelBookOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #byName = new Map<string, string>();
  /** Ids of channels that this member was in, in the order in which it left. */
  readonly #left = new Set<string>();
  /** Why posts of a channel cannot be read or written at present. */
  readonly #troubles = new Map<string, ErrorCode>();

  constructor(options: ChannelBookOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier start knew. */
  async open(): Promise<void> {
    for (const channel of await this.#options.kept.load()) {
      if (this.#channels.has(channel.channel)) continue;
      this.#put(channel);
      if (!channel.joined) this.#left.add(channel.channel);
    }
  }

  /** By id, without asking. */
  known(channel: string): Channel | undefined {
    return this.#channels.get(channel);
  }

  get joined(): readonly Channel[] {
    return [...this.#channels.values()].filter(({ joined }) => joined);
  }

  isJoined(channel: string): boolean {
    return this.#channels.get(channel)?.joined === true;
  }

  troubleOf(channel: string): ErrorCode | undefined {
    return this.#troubles.get(channel);
  }

  setTrouble(channel: string, code: ErrorCode | undefined): void {
    if (code === undefined) this.#troubles.delete(channel);
    else if (this.#troubles.size < mostSeen) this.#troubles.set(channel, code);
  }

  /** What to call it: its name, or its id where that is not known. */
  labelOf(channel: string): string {
    return `#${this.#channels.get(channel)?.name ?? channel}`;
  }

  /** By `#name`, name, `#id` or id: what is known, or what the registry says. Throws `invalid_argument` and `unknown_channel`. */
  async find(text: string): Promise<Channel> {
    const wanted = wantedOf(text);
    const known = this.#knownAs(wanted);
    if (known !== undefined && (known.joined || !this.#options.session.isOpen)) return known;
    const { channel } = await this.#options.session.request("channel.get", wanted);
    return this.note(channel);
  }

  /**
   * As `find`, for reading what is remembered: a channel that this member left goes by its last known name too. Throws `invalid_argument`
   * where several had that name.
   */
  async recall(text: string): Promise<Channel> {
    const wanted = wantedOf(text);
    const known = this.#knownAs(wanted);
    if (known?.joined === true) return known;
    // Whether it could be entered again is the registry's to say.
    const left = this.#leftAs(wanted).map((channel) => ({ ...channel, open: false }));
    const present = await this.find(text).catch((error: unknown) => {
      if (left.length > 0 && isParleyError(error) && error.code === "unknown_channel") return undefined;
      throw error;
    });
    const fitting =
      present === undefined ? left : [...left.filter(({ channel }) => channel !== present.channel), present];
    const [first, second] = fitting;
    if (first === undefined) throw new ParleyError("unknown_channel");
    if (second === undefined) return first;
    const candidates = fitting.slice(0, mostNamed).map(({ channel }) => `#${channel}`);
    throw new ParleyError("invalid_argument", {
      message: `Several channels had the name #${first.name}; give the id of one of them: ${candidates.join(", ")}.`,
      data: { candidates },
    });
  }

  /** The newest that the registry says of one channel. */
  async refresh(channel: string): Promise<Channel> {
    const reply = await this.#options.session.request("channel.get", { channel });
    return this.note(reply.channel);
  }

  /** What the registry says of all that are asked for; for `joined` it also tells which this member is in no more. */
  async list(query: { joined?: boolean; archived?: boolean }): Promise<readonly Channel[]> {
    const { session } = this.#options;
    const before = this.joined;
    const found: Channel[] = [];
    for (let after: string | undefined; found.length <= limits.channels;) {
      const page: RequestBody<"channel.list"> = { ...query, ...(after === undefined ? {} : { after }) };
      const { channels, next } = await session.request("channel.list", page);
      for (const channel of channels) found.push(this.note(channel));
      if (next === undefined || channels.length === 0) break;
      after = next;
    }
    if (query.joined === true && query.archived === true) {
      const still = new Set(found.map(({ channel }) => channel));
      for (const { channel } of before) if (!still.has(channel)) this.leave(channel);
    }
    return found;
  }

  /** Takes what the registry told of a channel. Once encrypted, it never counts as open again: nothing is posted to it in the clear. */
  note(told: Channel): Channel {
    const before = this.#channels.get(told.channel);
    const channel = before?.encrypted === true && !told.encrypted ? { ...told, encrypted: true } : told;
    this.#put(channel);
    if (channel.joined !== (before?.joined ?? false)) this.#moved(channel);
    else if (channel.joined) this.#keep(channel.channel);
    return channel;
  }

  /** This member is in the channel no more. */
  leave(channel: string): void {
    const before = this.#channels.get(channel);
    if (before?.joined !== true) return;
    const left = { ...before, joined: false };
    this.#channels.set(channel, left);
    this.#moved(left);
  }

  /** How many are in it, changed by one. */
  count(channel: string, by: 1 | -1): void {
    const before = this.#channels.get(channel);
    if (before !== undefined) this.#channels.set(channel, { ...before, members: Math.max(0, before.members + by) });
  }

  #keep(channel: string): void {
    const left = [...this.#left].flatMap((id) => this.#channels.get(id) ?? []);
    this.#options.kept.keep(channel, [...this.joined, ...left]);
  }

  #moved(channel: Channel): void {
    this.#left.delete(channel.channel);
    if (!channel.joined) this.#left.add(channel.channel);
    const [oldest] = this.#left;
    if (this.#left.size > mostLeft && oldest !== undefined) this.#left.delete(oldest);
    this.#keep(channel.channel);
    this.setTrouble(channel.channel, undefined);
    if (channel.joined) this.#options.onJoined(channel);
    else this.#options.onLeft(channel.channel);
  }

  #put(channel: Channel): void {
    const before = this.#channels.get(channel.channel);
    if (before !== undefined && this.#byName.get(before.name) === channel.channel) this.#byName.delete(before.name);
    this.#channels.delete(channel.channel);
    if (this.#channels.size >= mostSeen) this.#forgetOne();
    this.#channels.set(channel.channel, channel);
    // The one that this member is in goes before one that it left.
    if (channel.joined || !this.isJoined(this.#byName.get(channel.name) ?? ""))
      this.#byName.set(channel.name, channel.channel);
  }

  #forgetOne(): void {
    for (const { channel, name, joined } of this.#channels.values()) {
      if (joined || this.#left.has(channel)) continue;
      this.#channels.delete(channel);
      if (this.#byName.get(name) === channel) this.#byName.delete(name);
      return;
    }
  }

  #leftAs(wanted: { readonly name: string } | { readonly channel: string }): readonly Channel[] {
    const left = [...this.#left].flatMap((id) => this.#channels.get(id) ?? []);
    return left.filter((each) => ("channel" in wanted ? each.channel === wanted.channel : each.name === wanted.name));
  }

  #knownAs(wanted: { readonly name: string } | { readonly channel: string }): Channel | undefined {
    const id = "channel" in wanted ? wanted.channel : this.#byName.get(wanted.name);
    return id === undefined ? undefined : this.#channels.get(id);
  }
}

/** What a person typed, as the registry wants it. An id is longer than any name. Throws `invalid_argument`. */
export function wantedOf(text: string): { readonly name: string } | { readonly channel: string } {
  const bare = text.startsWith("#") ? text.slice(1) : text;
  if (isId(bare)) return { channel: bare };
  const name = parseChannelName(bare);
  if (name === undefined)
    throw new ParleyError("invalid_argument", {
      message: `"${text.slice(0, limits.channelNameCharacters)}" is not the name of a channel: 1 to ${limits.channelNameCharacters} letters, digits, "_" and "-".`,
    });
  return { name };
}
