import { ParleyError, type Via } from "@parley/protocol";

import type { DoorMesh, MeshChannel, MeshChannelListener, MeshDirect, MeshPost } from "../src/index.ts";

/** What the door wrote to a member. */
export interface WrittenDirect {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly via: Via | undefined;
  readonly to: string | undefined;
}

interface FakeChannel {
  readonly members: Set<string>;
  readonly posts: MeshPost[];
  listener: MeshChannelListener | undefined;
}

/** A mesh in memory: members by name, public channels, and one door in it. */
export class FakeMesh implements DoorMesh {
  readonly self = { member: "id-of-door", name: "door" };
  readonly written: WrittenDirect[] = [];
  readonly invited: { readonly channel: string; readonly name: string }[] = [];
  /** Keys of members, base64url. */
  readonly memberKeys = new Set<string>();
  readonly known = new Set(["librarian", "deadbeef"]);
  readonly #channels = new Map<string, FakeChannel>();
  #direct: ((message: MeshDirect) => void | Promise<void>) | undefined;
  #number = 0;
  /** What posts, and questions whose key one is, are refused with. */
  trouble: unknown;
  /** Before it answers which channels there are. */
  listing: Promise<void> | undefined;
  /** Posts are not answered. */
  isSilent = false;
  asked = 0;

  constructor(channels: readonly string[] = ["general", "agents"]) {
    for (const name of channels) this.#channels.set(name, { members: new Set(), posts: [], listener: undefined });
  }

  async channels(): Promise<readonly MeshChannel[]> {
    this.asked++;
    await this.listing;
    return [...this.#channels].map(([name, { members }]) => ({ name, members: members.size }));
  }

  async enter(name: string, replay: number, listener: MeshChannelListener): Promise<readonly string[]> {
    const channel = this.#channel(name);
    channel.listener = listener;
    for (const post of replay === 0 ? [] : channel.posts.slice(-replay)) listener.onPost(post, true);
    return [...channel.members];
  }

  async leave(name: string): Promise<void> {
    this.#channel(name).listener = undefined;
  }

  async members(name: string): Promise<readonly string[]> {
    return [...this.#channel(name).members];
  }

  async create(name: string): Promise<void> {
    if (this.#channels.has(name)) throw new ParleyError("already_exists");
    this.#channels.set(name, { members: new Set(), posts: [], listener: undefined });
  }

  async invite(channel: string, name: string): Promise<void> {
    this.#member(name);
    this.invited.push({ channel, name });
  }

  async post(name: string, text: string, via: Via): Promise<void> {
    if (this.isSilent) return new Promise(() => undefined);
    if (this.trouble !== undefined) throw this.trouble as Error;
    this.#store(name, { member: this.self.member, name: this.self.name, via, text });
  }

  async direct(name: string, text: string, via?: Via, to?: string): Promise<string> {
    this.#member(name);
    const id = `dm.${++this.#number}`;
    this.written.push({ id, name, text, via, to });
    return id;
  }

  async isMember(publicKey: string): Promise<boolean> {
    this.asked++;
    if (this.trouble !== undefined) throw this.trouble as Error;
    return this.memberKeys.has(publicKey);
  }

  onDirect(handler: (message: MeshDirect) => void | Promise<void>): () => void {
    this.#direct = handler;
    return () => (this.#direct = undefined);
  }

  // What members of the mesh do.

  say(channel: string, name: string, text: string, via?: Via): string {
    return this.#store(channel, { member: `id-of-${name}`, name, via, text });
  }

  change(channel: string, id: string, text: string | undefined): void {
    this.#channel(channel).listener?.onChanged(id, text);
  }

  come(channel: string, name: string): void {
    const { members, listener } = this.#channel(channel);
    members.add(name);
    listener?.onJoined(name);
  }

  go(channel: string, name: string): void {
    const { members, listener } = this.#channel(channel);
    members.delete(name);
    listener?.onLeft(name);
  }

  close(channel: string): void {
    const { listener } = this.#channel(channel);
    this.#channels.delete(channel);
    listener?.onGone();
  }

  async write(name: string, text: string, answers?: string): Promise<void> {
    await this.#direct?.({
      id: `in.${++this.#number}`,
      member: `id-of-${name}`,
      name,
      text,
      answers,
      at: Date.UTC(2026, 0, 1),
    });
  }

  postsOf(channel: string): readonly MeshPost[] {
    return this.#channel(channel).posts;
  }

  isIn(channel: string): boolean {
    return this.#channel(channel).listener !== undefined;
  }

  #store(name: string, post: Omit<MeshPost, "id" | "at">): string {
    const channel = this.#channel(name);
    const stored = { ...post, id: `post${++this.#number}`, at: Date.UTC(2026, 0, 1) + this.#number };
    channel.posts.push(stored);
    channel.listener?.onPost(stored, false);
    return stored.id;
  }

  #channel(name: string): FakeChannel {
    const channel = this.#channels.get(name);
    if (channel === undefined) throw new ParleyError("unknown_channel");
    return channel;
  }

  #member(name: string): void {
    if (!this.known.has(name)) throw new ParleyError("unknown_member");
  }
}
