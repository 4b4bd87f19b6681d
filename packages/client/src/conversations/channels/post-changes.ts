/** What posts that were read change in the archive. Called in the order of the posts: later ones depend on earlier ones. */
import type { ArchiveChange, ArchivedMessage, NewMessage } from "@parley/core";
import {
  type AnyContent,
  type Content,
  knownContent,
  type Mention,
  type Statement,
  textContent,
  type Via,
} from "@parley/protocol";

import { channelConversation } from "../conversation-log.ts";
import type { ChannelCipher } from "./channel-cipher.ts";
import type { ReadPost } from "./post-reader.ts";

export interface PostChangesOptions {
  readonly channel: string;
  readonly own: { readonly member: string; readonly device: string };
  readonly now: () => number;
  readonly cipher: ChannelCipher | undefined;
  /** What this device said under this id, while that is remembered: nobody can open what it sealed itself. */
  readonly ownContent: (id: string) => AnyContent | undefined;
  /** Roles and tags of this member, by which others call it. */
  readonly callings: () => ReadonlySet<string>;
  readonly archived: (id: string) => Promise<ArchivedMessage | undefined>;
}

type Signed = Extract<ReadPost, { kind: "signed" }>;
type Unreadable = Extract<ReadPost, { kind: "unreadable" }>;

/** Whose a message is: only the same may change it. */
interface Writer {
  readonly author: string;
  readonly device: string;
  readonly via: string | undefined;
}

/** Stands for an author that cannot be read. */
const nobody = "A".repeat(43);
/** Content that must not be shown as its author's. */
const withheld: AnyContent = { type: "unreadable" };

export class PostChanges {
  readonly #options: PostChangesOptions;
  /** Whose messages those are that are not in the archive yet. */
  readonly #recent = new Map<string, Writer>();
  #hasOpened = false;

  constructor(options: PostChangesOptions) {
    this.#options = options;
  }

  /** Rejects with a retryable error when it cannot be said yet. */
  async of(read: ReadPost, sort: number): Promise<ArchiveChange | undefined> {
    switch (read.kind) {
      case "known":
        return undefined;
      case "unreadable":
        return this.#unreadable(read, sort);
      case "signed":
        return this.#signed(read, sort);
    }
  }

  /** What was given so far is in the archive, or failed to get there and will be read again. */
  async settle(isKept: boolean): Promise<void> {
    const { cipher, channel } = this.#options;
    this.#recent.clear();
    if (this.#hasOpened) await cipher?.settle(channel, isKept);
    this.#hasOpened = false;
  }

  #unreadable({ post, why, claims }: Unreadable, sort: number): ArchiveChange {
    const { channel, own, now } = this.#options;
    return {
      type: "message",
      message: {
        conversation: channelConversation(channel),
        // The id that it claims may be another's, whom it must not keep out.
        id: `unreadable.${post.offset}`,
        sort,
        author: claims?.member ?? nobody,
        name: claims?.name ?? "unknown",
        device: claims?.device,
        created: claims?.created ?? post.at,
        taken: now(),
        content: withheld,
        path: undefined,
        protection: "signed",
        unreadable: why,
        own: why === "unknown" && claims?.member === own.member,
      },
    };
  }

  async #signed(read: Signed, sort: number): Promise<ArchiveChange | undefined> {
    const { said, device, post } = read;
    const before = await this.#writerOf(said.id);
    // The same post twice: the registry remembers what it has for a while only.
    if (before?.author === said.member && before.device === device) return undefined;
    // Somebody chose an id that another one had chosen: both stay.
    const id = before === undefined ? said.id : `${said.id}.${post.offset}`;
    const opened = await this.#contentOf(said, device);
    const known = knownContent(opened.content);
    if (known !== undefined && isChange(known)) return this.#changed(known, said);
    this.#recent.set(id, { author: said.member, device, via: viaOf(said.via) });
    return { type: "message", message: this.#message(read, id, sort, opened) };
  }

  #message({ said, device, name }: Signed, id: string, sort: number, opened: Opened): NewMessage {
    const { channel, own, now } = this.#options;
    const { member, iat, via, encrypted } = said;
    const content = opened.content;
    const unreadable = opened.unreadable ?? whyNotShown(content);
    const isOwn = member === own.member;
    return {
      conversation: channelConversation(channel),
      id,
      sort,
      author: member,
      name,
      device,
      created: iat,
      taken: now(),
      content,
      path: undefined,
      protection: encrypted !== undefined ? "group" : via === undefined ? "signed" : "door",
      ...(unreadable === undefined ? {} : { unreadable }),
      ...(via === undefined ? {} : { via }),
      ...(isOwn ? { state: "stored" as const } : {}),
      ...(!isOwn && this.#calls(content) ? { mentioned: true } : {}),
      own: isOwn,
    };
  }

  async #contentOf(said: Statement<"post">, device: string): Promise<Opened> {
    const { channel, own, cipher, ownContent } = this.#options;
    const { id, member, content, encrypted } = said;
    if (encrypted === undefined) return { content: content ?? withheld };
    const kept = member === own.member && device === own.device ? ownContent(id) : undefined;
    if (kept !== undefined) return { content: kept };
    const sealed: AnyContent = { type: "encrypted", ...encrypted };
    if (cipher === undefined) return { content: sealed, unreadable: "no-group" };
    this.#hasOpened = true;
    const opened = await cipher.open(channel, { id, author: member, device, ...encrypted });
    if ("content" in opened) return opened;
    return { content: opened.unreadable === "bad-signature" ? withheld : sealed, unreadable: opened.unreadable };
  }

  /** Only who wrote a message changes or takes it back; of those who come through one door, only the same one. */
  async #changed(content: Change, { member, iat, via }: Statement<"post">): Promise<ArchiveChange | undefined> {
    const conversation = channelConversation(this.#options.channel);
    const { of } = content;
    if (content.type === "reaction")
      return { type: "reaction", conversation, of, by: member, reaction: content.reaction, on: content.on, at: iat };
    const writer = await this.#writerOf(of);
    // The archive keeps a change for later under its author alone, which is not enough for the door.
    const isTheirs = writer === undefined ? via === undefined : writer.author === member && writer.via === viaOf(via);
    if (!isTheirs) return undefined;
    if (content.type === "retract") return { type: "retract", conversation, of, by: member, at: iat };
    return { type: "edit", conversation, of, by: member, at: iat, text: content.text };
  }

  async #writerOf(id: string): Promise<Writer | undefined> {
    const recent = this.#recent.get(id);
    if (recent !== undefined) return recent;
    const message = await this.#options.archived(id);
    return message === undefined
      ? undefined
      : { author: message.author, device: message.device ?? "", via: viaOf(message.via) };
  }

  #calls(content: AnyContent): boolean {
    return textContent(content)?.mentions?.some((mention) => this.#isCalled(mention)) ?? false;
  }

  #isCalled(mention: Mention): boolean {
    const { own, callings } = this.#options;
    return "all" in mention ? callings().has(mention.all) : mention.member === own.member;
  }
}

interface Opened {
  readonly content: AnyContent;
  readonly unreadable?: "no-group" | "bad-signature";
}

type Change = Extract<Content, { type: "edit" | "retract" | "reaction" }>;

const isChange = (content: Content): content is Change =>
  content.type === "edit" || content.type === "retract" || content.type === "reaction";

const viaOf = (via: Via | undefined): string | undefined => (via === undefined ? undefined : `${via.edge}:${via.id}`);

/** What has no meaning in a channel, or none for this version. */
function whyNotShown(content: AnyContent): "unknown" | "no-secret" | undefined {
  const known = knownContent(content);
  if (known === undefined) return "unknown";
  return known.type === "sealed" ? "no-secret" : undefined;
}
