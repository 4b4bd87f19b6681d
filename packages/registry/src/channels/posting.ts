import { type ParleyError, toParleyError } from "@parley/protocol";

import type { Authority } from "../authority.ts";
import type { NodeCounters } from "../node-counters.ts";
import type { SessionIdentity } from "../session.ts";
import type { ChannelLog, PostPlace } from "./channel-log.ts";
import { isIn, requireInScope } from "./channel-rules.ts";
import type { ChannelTable, KnownChannel } from "./channel-table.ts";
import type { Channels } from "./channels.ts";
import type { PostApprovals } from "./post-approvals.ts";
import { checkAuthor, checkPlace, type IncomingPost, type PostRules } from "./post-check.ts";

export interface PostingOptions {
  readonly table: ChannelTable;
  readonly channels: Channels;
  readonly log: ChannelLog;
  readonly rules: () => PostRules;
  readonly authority: Authority;
  readonly approvals: PostApprovals;
  readonly counters: NodeCounters;
  /** A post was appended here. */
  readonly onPosted: (channel: string, author: string) => void;
}

/** Lets posts into the logs of their channels. */
export class Posting {
  readonly #options: PostingOptions;

  constructor(options: PostingOptions) {
    this.#options = options;
  }

  /** Undefined when it may be appended, else why not. A promise when the store has to be asked first. */
  admit(post: IncomingPost, author: SessionIdentity): ParleyError | Promise<void> | undefined {
    const { table, authority } = this.#options;
    const rules = this.#options.rules();
    try {
      checkAuthor(post, author, rules);
      const silence = authority.silence(author);
      if (silence !== undefined) return silence;
      const channel = table.get(post.channel);
      if (channel === undefined || !isIn(channel, author.member)) return this.#lookUp(post, author, rules);
      requireInScope(channel.record.name, author);
      return this.#checkPlace(post, author, channel, rules);
    } catch (error) {
      return toParleyError(error);
    }
  }

  /** Durable when resolved. */
  async append({ channel, id, bytes, post }: IncomingPost): Promise<PostPlace> {
    const { log, counters, onPosted } = this.#options;
    const place = await log.append(channel, bytes, `${post.signer}.${id}`);
    if (place.duplicate) counters.postsAgain++;
    else {
      counters.posted++;
      onPosted(channel, post.member);
    }
    return place;
  }

  async #lookUp(post: IncomingPost, author: SessionIdentity, rules: PostRules): Promise<void> {
    await this.#checkPlace(post, author, await this.#options.channels.findOwn(post.channel, author), rules);
  }

  /** A promise when yeses of others have to be looked at. */
  #checkPlace(
    post: IncomingPost,
    author: SessionIdentity,
    channel: KnownChannel,
    rules: PostRules,
  ): Promise<void> | undefined {
    checkPlace(post, channel, rules);
    const { name } = channel.record;
    const { authority, approvals } = this.#options;
    const need = authority.check({ action: "post", who: author, channel: name }, `post to #${name}`);
    return need === undefined ? undefined : approvals.check(post, author, name, need);
  }
}
