import {
  type Archive,
  createSigner,
  type Journal,
  openMemoryArchive,
  openMemoryJournal,
  type Signer,
  signStatement,
  type VerifiedMember,
} from "@parley/core";
import {
  type AnyContent,
  type Channel,
  decodePost,
  encodePostBatch,
  type ErrorCode,
  ParleyError,
  type ReplyBody,
  type RequestBody,
  type RequestType,
  type Statement,
  toBase64url,
} from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";

import type { ChannelCipher } from "../../../src/conversations/channels/channel-cipher.ts";
import { Channels, type ChannelsOptions } from "../../../src/conversations/channels/channels.ts";
import { ConversationLog } from "../../../src/conversations/conversation-log.ts";
import type { DeviceEvent } from "../../../src/device-api.ts";
import { outgoingOf } from "../../../src/guards/outgoing.ts";
import type { MemberView } from "../../../src/member-view.ts";
import { WriteAgain } from "../../../src/write-again.ts";

const mesh = toBase64url(new Uint8Array(32).fill(7));
export const channelId = toBase64url(new Uint8Array(32).fill(9));

/** A member with one device, as others see it. */
export class Author {
  readonly name: string;
  readonly member: string;
  readonly device: Signer;

  private constructor(name: string, member: string, device: Signer) {
    this.name = name;
    this.member = member;
    this.device = device;
  }

  static async create(name: string): Promise<Author> {
    return new Author(name, (await createSigner("member")).id, await createSigner("device"));
  }

  get view(): MemberView {
    const { id, publicKey } = this.device;
    const devices = new Map([[id, { device: id, key: publicKey, label: "test", since: 1, seal: undefined }]]);
    const verified = { member: this.member, name: this.name, devices } as unknown as VerifiedMember;
    const facts = { kind: "agent" as const, roles: ["member" as const], card: undefined, devices: [], devicesAt: 1 };
    return {
      member: this.member,
      name: this.name,
      ...facts,
      availability: undefined,
      live: false,
      stale: false,
      verified,
    };
  }

  /** A post of this author; what is given replaces what would stand there. */
  async post(content: AnyContent, changed: Partial<Statement<"post">> = {}, signer = this.device): Promise<string> {
    const id = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
    const statement = { mesh, channel: channelId, member: this.member, id, iat: 1000, content, ...changed };
    return signStatement("post", statement, signer);
  }
}

export const text = (said: string): AnyContent => ({ type: "text", text: said });

/** A statement with another text than was signed. */
export function forged(statement: string): string {
  const [head, payload = "", signature] = statement.split(".");
  const said = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const changed = Buffer.from(JSON.stringify({ ...said, content: text("forged") })).toString("base64url");
  return `${head}.${changed}.${signature}`;
}

interface Stored {
  readonly offset: number;
  readonly at: number;
  readonly statement: string;
}

/** What a registry keeps of one channel, and how it serves it. */
export class FakeNode {
  epoch = "one";
  first = 1;
  posts: Stored[] = [];
  last = 0;
  channel: Channel;
  joined = true;
  /** It is not this member's to see. */
  hidden = false;
  readonly asked: RequestType[] = [];
  /** Statements as they came, in order. */
  readonly received: string[] = [];
  /** What becomes of a post. Default: it is stored, and told. */
  onPost: (statement: string, id: string) => ErrorCode | "store" | "store silently" | "lose" = () => "store";
  /** Why the channel is not pushed to whoever asks for it. */
  refusal: ErrorCode | undefined;
  /** Batches are made but not pushed. */
  mute = false;
  device: Channels | undefined;
  isOpen = false;
  following = false;
  #told = 0;

  constructor(kind: "public" | "invite" = "public") {
    this.channel = {
      channel: channelId,
      name: "general",
      kind,
      encrypted: kind === "invite",
      topic: "",
      history: "all",
      retention: { posts: 100, bytes: 100_000, ageMs: 60_000 },
      created: 1,
      members: 2,
      joined: true,
      open: true,
    };
  }

  get bounds() {
    return { epoch: this.epoch, first: this.first, last: this.last };
  }

  /** A session begins. */
  connect(device: Channels): void {
    this.device = device;
    this.isOpen = true;
    this.following = false;
    device.onSession();
  }

  disconnect(): void {
    this.isOpen = false;
    this.following = false;
  }

  /** Appends, and pushes to whoever follows. */
  append(...statements: readonly string[]): void {
    for (const statement of statements) this.posts.push({ offset: ++this.last, at: 2000 + this.last, statement });
    this.push();
  }

  /** Pushes what was not pushed yet. */
  push(): void {
    const posts = this.posts.filter(({ offset }) => offset > this.#told);
    if (!this.following || posts.length === 0) return;
    const previous = this.#told;
    this.#told = this.last;
    if (!this.mute) this.device?.onPosts(this.batch(previous, posts));
  }

  batch(previous: number, posts: readonly Stored[]): Uint8Array {
    const encoder = new TextEncoder();
    return encodePostBatch({
      channel: channelId,
      epoch: this.epoch,
      previous,
      posts: posts.map((post) => ({ ...post, statement: encoder.encode(post.statement) })),
    });
  }

  trim(upTo: number): void {
    this.posts = this.posts.filter(({ offset }) => offset > upTo);
    this.first = upTo + 1;
  }

  readonly request = <Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> => {
    this.asked.push(type);
    if (!this.isOpen) return Promise.reject(new ParleyError("unreachable"));
    return this.#answer(type, body as never) as Promise<ReplyBody<Type>>;
  };

  readonly sendPost = async (bytes: Uint8Array): Promise<void> => {
    if (!this.isOpen) throw new ParleyError("unreachable");
    const post = decodePost(bytes);
    if (!post.ok) throw new Error(post.message);
    const statement = post.value;
    const { id } = JSON.parse(Buffer.from(statement.split(".")[1] ?? "", "base64url").toString()) as { id: string };
    this.received.push(statement);
    const what = this.onPost(statement, id);
    if (what === "lose") return;
    const isStored = what === "store" || what === "store silently";
    if (isStored) this.append(statement);
    if (what === "store silently") return;
    const result = isStored ? { offset: this.last, at: 1 } : { error: { code: what, message: "no" } };
    setImmediate(() =>
      this.device?.onPush({ type: "post.results", body: { results: [{ channel: channelId, id, ...result }] } }),
    );
  };

  async #answer(type: RequestType, body: Record<string, never>): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.isOpen) throw new ParleyError("closed");
    const channel = { ...this.channel, joined: this.joined };
    switch (type) {
      case "channel.list":
        return { channels: this.joined ? [channel] : [] };
      case "channel.get":
        if (this.hidden) throw new ParleyError("unknown_channel");
        return { channel, bounds: this.bounds };
      case "channel.join":
        return { channel, bounds: this.bounds };
      case "channel.read":
        return this.#read(body);
      case "channel.follow":
        return { channels: [this.#follow((body as unknown as RequestBody<"channel.follow">).channels[0])] };
      case "channel.members":
        return { members: [] };
      default:
        return {};
    }
  }

  #follow(wanted: RequestBody<"channel.follow">["channels"][number] | undefined) {
    if (this.refusal !== undefined) return { channel: channelId, error: { code: this.refusal, message: "no" } };
    const after = wanted?.epoch === this.epoch ? Math.min(wanted.after, this.last) : 0;
    this.following = true;
    this.#told = after;
    setImmediate(() => this.push());
    return { channel: channelId, bounds: this.bounds, after };
  }

  #read({ from, before, limit = 100 }: { from?: number; before?: number; limit?: number }) {
    const fits = this.posts.filter(({ offset }) => offset >= (from ?? 1) && offset < (before ?? Infinity));
    const posts = from === undefined ? fits.slice(-limit) : fits.slice(0, limit);
    return { bounds: this.bounds, posts, complete: posts.length === fits.length };
  }
}

/** By the real clock: keys are made and used beside it. */
const patienceMs = 10_000;
/** Each life draws other ids. */
let lives = 0;

/** One life of a device's channels over a node. */
export class Life {
  readonly events: DeviceEvent[] = [];
  readonly errors: unknown[] = [];
  readonly clock: FakeClock;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly channels: Channels;
  readonly node: FakeNode;
  /** Authors whose records can be had at present. */
  readonly known: Map<string, MemberView>;

  private constructor(life: Omit<Life, "events" | "errors" | "channels">, make: (life: Life) => Channels) {
    this.clock = life.clock;
    this.archive = life.archive;
    this.journal = life.journal;
    this.node = life.node;
    this.known = life.known;
    this.channels = make(this);
  }

  static async begin(
    node: FakeNode,
    self: Author,
    authors: readonly Author[],
    kept: { archive?: Archive; journal?: Journal; cipher?: ChannelCipher } = {},
  ): Promise<Life> {
    const { archive = openMemoryArchive(), journal = openMemoryJournal(), cipher } = kept;
    const clock = new FakeClock();
    const known = new Map([self, ...authors].map((author) => [author.member, author.view]));
    const state = await journal.load();
    return new Life({ clock, archive, journal, node, known } as never, (life) => {
      const onError = (error: unknown): void => void life.errors.push(error);
      const notices = { emit: (event: DeviceEvent) => void life.events.push(event), failed: onError };
      const random = new SeededRandom(++lives);
      const get = async (member: string): Promise<MemberView> => {
        const view = known.get(member);
        if (view === undefined) throw new ParleyError("unreachable");
        return view;
      };
      const options: ChannelsOptions = {
        outgoing: outgoingOf(() => false),
        mesh,
        identity: () => ({ member: self.member, device: self.device }),
        clock,
        random,
        journal,
        state,
        writes: new WriteAgain({ clock, random, onError }),
        gate: { checkOwn: () => undefined },
        approve: () => Promise.reject(new ParleyError("approval_denied")),
        meter: { ready: undefined, posted: () => undefined },
        session: node,
        directory: {
          known: (who) => known.get(who),
          get,
          refresh: get,
          find: () => Promise.reject(new ParleyError("timeout")),
        },
        log: new ConversationLog({ archive, notices, soon: (run) => clock.soon(run) }),
        cipher,
        emit: notices.emit,
        onRefused: onError,
        onError,
      };
      return new Channels(options);
    });
  }

  async messages() {
    const { messages } = await this.archive.messages({ conversation: `#${channelId}`, limit: 200 });
    return messages;
  }

  /** What is shown, in order. */
  async texts(): Promise<readonly string[]> {
    return (await this.messages()).map(({ content, unreadable }) =>
      unreadable === undefined && content.type === "text"
        ? (content as { text: string }).text
        : `(${unreadable ?? content.type})`,
    );
  }

  gaps() {
    return this.events.filter((event) => event.type === "channel-gap");
  }

  /** Waits, with time standing still, until something is true. */
  async until(test: () => boolean | Promise<boolean>): Promise<void> {
    const began = performance.now();
    while (!(await test())) {
      if (performance.now() - began > patienceMs) throw new Error("it never came true");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The same while time passes: what was done for it is timed anew. */
  untilLater(test: () => boolean | Promise<boolean>): Promise<void> {
    return this.until(async () => {
      await this.clock.run(500);
      return test();
    });
  }

  /** Everything that goes by itself has gone. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
