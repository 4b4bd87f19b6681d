import { memberAddress } from "./address.ts";
import type { MeshPost } from "./door-mesh.ts";
import { type ChatMessage, encodeServerMessage, type ServerMessage } from "./server-message.ts";

/** Somebody at the door who reads a channel. */
export interface ChannelReader {
  readonly id: string;
  readonly atId: string;
  sendText(text: string): void;
}

interface KeptPost {
  readonly id: string;
  readonly message: ChatMessage;
  readonly bytes: number;
}

export interface DoorChannelOptions {
  /** Without `#`. */
  readonly name: string;
  readonly isPrivate: boolean;
  /** Posts that a newcomer gets, and most bytes of them. */
  readonly replay: number;
  readonly replayBytes: number;
  readonly listed: number;
  readonly now: () => number;
  /** The door itself: its own member id, by which posts of its clients are known. */
  readonly self: string;
}

/** A channel as the door's clients see it: who reads it here, who is in it on the mesh, and its newest posts. */
export class DoorChannel {
  readonly name: string;
  readonly isPrivate: boolean;
  readonly #options: DoorChannelOptions;
  readonly #readers = new Set<ChannelReader>();
  readonly #members = new Set<string>();
  #kept: KeptPost[] = [];
  #keptBytes = 0;

  constructor(options: DoorChannelOptions) {
    this.#options = options;
    this.name = options.name;
    this.isPrivate = options.isPrivate;
  }

  get hashName(): string {
    return `#${this.name}`;
  }

  get readers(): ReadonlySet<ChannelReader> {
    return this.#readers;
  }

  /** Addresses of all in it, at most so many as are listed. */
  get agents(): readonly string[] {
    return [...[...this.#readers].map(({ atId }) => atId), ...this.#members].slice(0, this.#options.listed);
  }

  get size(): number {
    return this.#readers.size + this.#members.size;
  }

  /** Lets a reader in, tells it and the others, and gives it the newest posts. Again only tells it. */
  admit(reader: ChannelReader, agents?: readonly string[]): void {
    const isNew = !this.#readers.has(reader);
    this.#readers.add(reader);
    reader.sendText(
      this.#encode({ type: "JOINED", channel: this.hashName, agents: agents ?? this.#agentsFor(reader) }),
    );
    for (const { message } of this.#kept) reader.sendText(this.#encode({ ...message, replay: true }));
    if (isNew) this.tell({ type: "AGENT_JOINED", channel: this.hashName, agent: reader.atId }, reader);
  }

  /** Lets a reader go; `silently` when it is gone already. */
  dismiss(reader: ChannelReader, silently = false): void {
    if (!this.#readers.delete(reader)) return;
    if (!silently) reader.sendText(this.#encode({ type: "LEFT", channel: this.hashName }));
    this.tell({ type: "AGENT_LEFT", channel: this.hashName, agent: reader.atId });
  }

  tell(message: ServerMessage, except?: ChannelReader): void {
    if (this.#readers.size === 0) return;
    const text = this.#encode(message);
    for (const reader of this.#readers) if (reader !== except) reader.sendText(text);
  }

  /** A post of the channel. `replayed`: from before the door came in, for newcomers only. */
  take(id: string, message: ChatMessage, replayed = false): void {
    const { replay, replayBytes } = this.#options;
    const bytes = Buffer.byteLength(message.content);
    this.#kept.push({ id, message, bytes });
    this.#keptBytes += bytes;
    while (this.#kept.length > replay || (this.#keptBytes > replayBytes && this.#kept.length > 0))
      this.#keptBytes -= this.#kept.shift()?.bytes ?? 0;
    if (!replayed) this.tell(message);
  }

  takePost(post: MeshPost, replayed: boolean): void {
    this.take(post.id, this.#messageOf(post), replayed);
  }

  /** Newcomers get the post as it is now, or not at all. */
  change(id: string, content: string | undefined): void {
    this.#kept = this.#kept.flatMap((kept) => {
      if (kept.id !== id) return [kept];
      if (content === undefined) return [];
      const { sig: _sig, sig_ts: _ts, key: _key, ...message } = kept.message;
      return [{ id, message: { ...message, content }, bytes: Buffer.byteLength(content) }];
    });
    this.#keptBytes = this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Members of the mesh in it, as they were found. */
  setMembers(names: readonly string[]): void {
    for (const name of names) this.#members.add(memberAddress(name));
  }

  memberJoined(name: string): void {
    const agent = memberAddress(name);
    if (this.#members.has(agent)) return;
    this.#members.add(agent);
    this.tell({ type: "AGENT_JOINED", channel: this.hashName, agent });
  }

  memberLeft(name: string): void {
    const agent = memberAddress(name);
    if (this.#members.delete(agent)) this.tell({ type: "AGENT_LEFT", channel: this.hashName, agent });
  }

  /** A reader always finds itself in the list. */
  #agentsFor(reader: ChannelReader): readonly string[] {
    const { agents } = this;
    return agents.includes(reader.atId) ? agents : [reader.atId, ...agents.slice(1)];
  }

  #messageOf({ member, name, via, text, at }: MeshPost): ChatMessage {
    const message = { type: "MSG", to: this.hashName, content: text, ts: at } as const;
    if (via === undefined) return { ...message, from: memberAddress(name), from_name: name, standing: "member" };
    const from = member === this.#options.self ? `@${via.id}` : `${memberAddress(name)}/${via.id}`;
    const { signature, key, signed } = via;
    const isSigned = signature !== undefined && key !== undefined && signed !== undefined;
    const signedTs = isSigned ? timeIn(signed) : undefined;
    return {
      ...message,
      from,
      from_name: via.name,
      standing: via.standing,
      ...(signedTs === undefined || !isSigned ? {} : { sig: signature, sig_ts: signedTs, key }),
    };
  }

  #encode(message: ServerMessage): string {
    return encodeServerMessage(message, this.#options.now());
  }
}

/** The client's own time in what it signed. */
function timeIn(signed: string): number | undefined {
  const ts = /,"ts":(-?[0-9.e+]{1,32})\}$/.exec(signed)?.[1];
  return ts === undefined ? undefined : Number(ts);
}
