/** Posts that are older than what this device has of a channel. */
import { type Archive, peekStatement } from "@parley/core";
import { limits } from "@parley/protocol";

import type { Session } from "../../session.ts";
import { channelConversation } from "../conversation-log.ts";
import type { ChannelMark } from "./channel-mark.ts";
import type { PlacedPost } from "./post-reader.ts";

export interface OlderPostsOptions {
  readonly channel: string;
  readonly session: Pick<Session, "request">;
  readonly archive: Archive;
  readonly mark: ChannelMark | undefined;
}

/** Pages without anything new that are passed over in one go. */
const mostPages = 10;

export class OlderPosts {
  readonly #options: OlderPostsOptions;

  constructor(options: OlderPostsOptions) {
    this.#options = options;
  }

  /** Hands a page to `take`, with the order of its posts; false when there is nothing older. */
  async fetch(
    take: (posts: readonly PlacedPost[], sortOf: (offset: number) => number) => Promise<void>,
  ): Promise<boolean> {
    const { channel, session, archive, mark } = this.#options;
    const conversation = channelConversation(channel);
    const { messages } = await archive.messages({ conversation, after: 0, limit: 1 });
    const oldest = messages[0]?.sort ?? Number.MAX_SAFE_INTEGER;
    // Before the registry came back from a backup, its offsets stood for what they stand for now.
    const base = mark !== undefined && oldest > mark.base ? mark.base : 0;
    let before = oldest - base;
    for (let page = 0; page < mostPages && before > 1; page++) {
      const { posts, complete } = await session.request("channel.read", { channel, before, limit: limits.pageSize });
      const older = posts.filter(({ offset }) => base + offset < oldest);
      const isNew = await Promise.all(older.map((post) => this.#isNew(post)));
      const news = older.filter((_, index) => isNew[index] === true);
      if (news.length > 0) {
        await take(reactionsFirst(news), (offset) => base + offset);
        return true;
      }
      if (complete || posts.length === 0) return false;
      before = posts[0]?.offset ?? 0;
    }
    return false;
  }

  async #isNew(post: PlacedPost): Promise<boolean> {
    const { channel, archive } = this.#options;
    return (await archive.message(channelConversation(channel), idOf(post))) === undefined;
  }
}

/**
 * Newer changes of a message may wait for it already: reactions that come with it have to wait with them, so that they take effect in the
 * order in which they were made. What is sealed stays in its order.
 */
function reactionsFirst(posts: readonly PlacedPost[]): readonly PlacedPost[] {
  const isReaction = posts.map(({ statement }) => {
    try {
      return peekStatement("post", statement).content?.type === "reaction";
    } catch {
      return false;
    }
  });
  return [...posts.filter((_, index) => isReaction[index]), ...posts.filter((_, index) => !isReaction[index])];
}

/** The id that a post claims; of one that cannot be read, the one that it gets. */
export function idOf({ offset, statement }: PlacedPost): string {
  try {
    return peekStatement("post", statement).id;
  } catch {
    return `unreadable.${offset}`;
  }
}
