import { type ChannelBounds, limits, type ReplyBody, type RequestBody } from "@parley/protocol";

import { pageCharacters } from "../page-room.ts";
import type { ChannelLog, PageLimits } from "./channel-log.ts";
import type { KnownChannel } from "./channel-table.ts";

const overheadOfPost = 64;

/** What a member may read of a channel: all that is kept, or what came after it joined. */
export class ChannelHistory {
  readonly #log: ChannelLog;

  constructor(log: ChannelLog) {
    this.#log = log;
  }

  /** Where the history stands, as far as the member may read it. */
  async bounds(channel: KnownChannel, member: string): Promise<ChannelBounds> {
    return clip(await this.#log.bounds(channel.id), beginOf(channel, member));
  }

  /** A page backward from `before`, or forward from `from`; of both, what lies between them; of neither, the newest. */
  async read(
    channel: KnownChannel,
    member: string,
    wanted: RequestBody<"channel.read">,
  ): Promise<ReplyBody<"channel.read">> {
    const begin = beginOf(channel, member);
    const { before = Number.MAX_SAFE_INTEGER, from, limit = limits.pageSize } = wanted;
    const most: PageLimits = { posts: limit, bytes: pageCharacters - limit * overheadOfPost };
    const page =
      from === undefined
        ? await this.#log.backward(channel.id, before, begin, most)
        : await this.#log.forward(channel.id, Math.max(from, begin), most, before);
    const bounds = clip(page, begin);
    return {
      bounds,
      posts: page.posts.map(({ offset, at, statement }) => ({ offset, at, statement: text.decode(statement) })),
      complete: from === undefined ? page.complete : from >= bounds.first,
    };
  }
}

const text = new TextDecoder();

/** Offset at which a member's history begins. */
export function beginOf({ record, members }: KnownChannel, member: string): number {
  return record.history === "all" ? 1 : (members.get(member)?.after ?? 0) + 1;
}

function clip({ epoch, first, last }: ChannelBounds, begin: number): ChannelBounds {
  return { epoch, first: Math.max(first, begin), last };
}
