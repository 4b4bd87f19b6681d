import type { PostBatch } from "@parley/protocol";
import type { TestDevice } from "@parley/testkit";

/** The payload of a post's statement, unverified. */
export function payloadOf(statement: string | Uint8Array): {
  readonly id: string;
  readonly content?: { text: string };
} {
  const text = typeof statement === "string" ? statement : new TextDecoder().decode(statement);
  return JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()) as never;
}

/** What a follower was pushed: ids in order, and whether each batch followed the one before. */
export interface Followed {
  readonly ids: string[];
  readonly chained: boolean;
  /** Offset of the last one. */
  readonly last: number;
}

/** Takes batches until so many posts came. */
export async function takePosts(device: TestDevice, count: number, after: number): Promise<Followed> {
  const ids: string[] = [];
  let last = after;
  let chained = true;
  while (ids.length < count) {
    const batch: PostBatch = await device.nextBatch();
    chained &&= batch.previous === last;
    ids.push(...batch.posts.map(({ statement }) => payloadOf(statement).id));
    last = batch.posts.at(-1)?.offset ?? last;
  }
  return { ids, chained, last };
}

/** Every post of a channel, read backward page by page. */
export async function readBackward(device: TestDevice, channel: string, limit = 7): Promise<string[]> {
  const ids: string[] = [];
  for (let before: number | undefined; ;) {
    const page = await device.request("channel.read", {
      channel,
      limit,
      ...(before === undefined ? {} : { before }),
    });
    ids.unshift(...page.posts.map(({ statement }) => payloadOf(statement).id));
    before = page.posts[0]?.offset;
    if (page.complete || before === undefined) return ids;
  }
}

/** The same forward. */
export async function readForward(device: TestDevice, channel: string, limit = 7): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 1; ;) {
    const page = await device.request("channel.read", { channel, limit, from });
    ids.push(...page.posts.map(({ statement }) => payloadOf(statement).id));
    const last = page.posts.at(-1)?.offset;
    if (last === undefined || last >= page.bounds.last) return ids;
    from = last + 1;
  }
}

/** Posts so many texts at once, and answers what became of each, in the order of answers. */
export async function postMany(device: TestDevice, channel: string, count: number, text = "hello"): Promise<string[]> {
  const content = { type: "text" as const, text };
  const statements = await Promise.all(Array.from({ length: count }, () => device.makePost(channel, { content })));
  device.sendPosts(statements);
  const results: string[] = [];
  for (let got = 0; got < count; got++) {
    const { id, error } = await device.nextPostResult();
    if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
    results.push(id);
  }
  return results;
}
