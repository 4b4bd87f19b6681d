/** A channel with so many posts, and a member that comes in later and asks for its newest page. */
import { signStatement } from "@parley/core";
import { encodePost, limits } from "@parley/protocol";
import { randomId16, type TestIdentity, WireMesh } from "@parley/testkit";

import { type LoadFigures, repeatCall } from "../load.ts";
import { PostSession } from "../post-session.ts";
import { answerCommands } from "../role.ts";

interface Page {
  readonly bounds: { readonly last: number };
  readonly posts: readonly { readonly offset: number }[];
}

const signedAtOnce = 1000;
const inFlight = 100;
const text = "What was said here before you came is read page by page, the newest first.";

let mesh = "";
let channel = "";
let newcomer: TestIdentity | undefined;
let session: PostSession | undefined;
/** Offset of the newest post. */
let last = 0;

function sessionOf(): PostSession {
  if (session === undefined) throw new Error("nobody came in");
  return session;
}

/** Posts these, so many on their way at once; resolves when all are stored. */
async function postAll(author: PostSession, statements: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sent = 0;
  let stored = 0;
  const send = (): void => {
    const next = statements[sent++];
    if (next !== undefined) author.socket.send(encodePost(next));
  };
  author.onResults = (results) => {
    for (const { error } of results) {
      if (error !== undefined) return reject(new Error(error.code));
      if (++stored === statements.length) return resolve();
      send();
    }
  };
  while (sent < Math.min(inFlight, statements.length)) send();
  await promise;
}

async function readPage(): Promise<void> {
  const before = last + 1;
  const page = await sessionOf().request<Page>("channel.read", { channel, before, limit: limits.pageSize });
  if (page.posts.length !== limits.pageSize || page.posts.at(-1)?.offset !== last)
    throw new Error("the page is not the newest one");
}

const commands = {
  /** Claims the mesh and fills a channel. */
  async fill({ origin, secret, posts }: { origin: string; secret: string; posts: number }): Promise<void> {
    const claimed = await WireMesh.claim(origin, secret);
    ({ mesh } = claimed);
    const author = await claimed.admit("author");
    newcomer = await claimed.admit("newcomer");
    const writer = await PostSession.open(origin, mesh, author);
    const made = { name: "history", kind: "public", retention: { posts: limits.channelPosts } };
    ({ channel } = (await writer.request<{ channel: { channel: string } }>("channel.create", made)).channel);
    for (let from = 0; from < posts; from += signedAtOnce) {
      const statements = Array.from({ length: Math.min(signedAtOnce, posts - from) }, () => {
        const content = { type: "text" as const, text };
        const post = { mesh, channel, member: author.member, id: randomId16(), iat: Date.now(), content };
        return signStatement("post", post, author.device());
      });
      await postAll(writer, await Promise.all(statements));
    }
    writer.socket.close();
  },
  /** Comes into the channel, with the registry where it is now. Returns the offset of the last post. */
  async comeIn(origin: string): Promise<number> {
    if (newcomer === undefined) throw new Error("nobody was let in");
    session = await PostSession.open(origin, mesh, newcomer);
    ({ last } = (await session.request<{ bounds: { last: number } }>("channel.join", { channel })).bounds);
    return last;
  },
  /** Milliseconds that the newest page takes, asked for again and again. */
  readNewest: (seconds: number): Promise<LoadFigures> => repeatCall(readPage, { seconds, inFlight: 1 }),
};

export type ChannelHistoryCommands = typeof commands;
answerCommands(commands);
