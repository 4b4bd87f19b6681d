import { openMemoryArchive, openMemoryJournal } from "@parley/core";
import { describe, expect, it } from "vitest";

import type { IncomingPost } from "../../../src/conversations/conversation-api.ts";
import { Author, channelId, FakeNode, Life, text } from "./channel-scene.ts";

const self = await Author.create("self");
const ada = await Author.create("ada");
const postsOf = (...texts: readonly string[]): Promise<string[]> =>
  Promise.all(texts.map((said) => ada.post(text(said))));

async function following(node: FakeNode, kept: Parameters<typeof Life.begin>[3] = {}): Promise<Life> {
  const life = await Life.begin(node, self, [ada], kept);
  node.connect(life.channels);
  await life.until(() => node.following);
  await life.settle();
  return life;
}

const textOf = ({ message }: IncomingPost): string => (message.content as { text: string }).text;

describe("a handler of a channel's posts", () => {
  it("gets what comes, in order, one at a time, without its own posts and without what is no text", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf("before")));
    const life = await following(node);
    const seen: IncomingPost[] = [];
    let running = 0;
    await life.channels.subscribe(channelId, async (post) => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      seen.push(post);
    });
    await life.channels.post(channelId, { type: "text", text: "own" });
    const [one = "", two = ""] = await postsOf("one", "two");
    node.append(one, await ada.post({ type: "reaction", of: "x", reaction: "!", on: true }), two);
    await life.until(() => seen.length === 2);
    await life.settle();
    expect(seen.map(textOf)).toEqual(["one", "two"]);
    expect(seen[0]).toMatchObject({ channel: channelId, channelName: "general", replay: false, redelivered: false });
  });

  it("begins with so many posts from before, marked as such, or after a place that is asked for", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf("a", "b", "c", "d")));
    const life = await following(node);
    const replayed: IncomingPost[] = [];
    const since: IncomingPost[] = [];
    await life.channels.subscribe(channelId, (post) => void replayed.push(post), { name: "replay", replay: 2 });
    await life.channels.subscribe(channelId, (post) => void since.push(post), { name: "since", since: 1 });
    await life.until(() => replayed.length === 2 && since.length === 3);
    node.append(...(await postsOf("e")));
    await life.until(() => replayed.length === 3 && since.length === 4);
    expect(replayed.map((post) => [textOf(post), post.replay])).toEqual([
      ["c", true],
      ["d", true],
      ["e", false],
    ]);
    expect(since.map(textOf)).toEqual(["b", "c", "d", "e"]);
  });

  it("begins with what comes after it, also in a channel that this device has not read yet", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf("long ago", "before")));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.channels.join("#general");
    const [seen, replayed]: IncomingPost[][] = [[], []];
    await life.channels.subscribe(channelId, (post) => void seen?.push(post));
    await life.channels.subscribe(channelId, (post) => void replayed?.push(post), { name: "replay", replay: 1 });
    node.append(...(await postsOf("after")));
    await life.until(() => [seen, replayed].every((posts) => posts?.some((post) => textOf(post) === "after")));
    expect(seen?.map(textOf)).toEqual(["after"]);
    expect(replayed?.map((post) => [textOf(post), post.replay])).toEqual([
      ["before", true],
      ["after", false],
    ]);
  });

  it("goes on after a restart where it stood; only what it may have had is marked as redelivered", async () => {
    const node = new FakeNode();
    const [archive, journal] = [openMemoryArchive(), openMemoryJournal()];
    const first = await following(node, { archive, journal });
    const had: string[] = [];
    await first.channels.subscribe(channelId, async (post) => {
      had.push(textOf(post));
      // The process ends in the middle of the second.
      if (had.length === 2) await new Promise(() => {});
    });
    node.append(...(await postsOf("one", "two", "three")));
    await first.until(() => had.length === 2);
    node.disconnect();
    const second = await following(node, { archive, journal });
    const seen: IncomingPost[] = [];
    await second.channels.subscribe(channelId, (post) => void seen.push(post));
    await second.until(() => seen.length === 2);
    expect(had).toEqual(["one", "two"]);
    expect(seen.map((post) => [textOf(post), post.redelivered])).toEqual([
      ["two", true],
      ["three", false],
    ]);
    second.channels.stop();
    await second.settle();
    const third = await following(node, { archive, journal });
    const none: IncomingPost[] = [];
    await third.channels.subscribe(channelId, (post) => void none.push(post));
    node.append(...(await postsOf("four")));
    await third.until(() => none.length === 1);
    expect(none.map((post) => [textOf(post), post.redelivered])).toEqual([["four", false]]);
  });

  it("gets a post again after it threw, and after the fifth time the next one", async () => {
    const node = new FakeNode();
    const life = await following(node);
    const seen: [string, boolean][] = [];
    await life.channels.subscribe(channelId, (post) => {
      seen.push([textOf(post), post.redelivered]);
      if (textOf(post) === "bad") throw new Error("no");
    });
    node.append(...(await postsOf("bad", "good")));
    await life.until(() => seen.length === 1);
    await life.untilLater(() => seen.length === 6);
    expect(seen).toEqual([["bad", false], ...Array.from({ length: 4 }, () => ["bad", true]), ["good", false]]);
  });

  it("stops at the way out, and its place may be taken again", async () => {
    const node = new FakeNode();
    const life = await following(node);
    const seen: string[] = [];
    const handler = (post: IncomingPost): void => void seen.push(textOf(post));
    const off = await life.channels.subscribe(channelId, handler, { name: "it" });
    await expect(life.channels.subscribe(channelId, handler, { name: "it" })).rejects.toMatchObject({
      code: "already_exists",
    });
    off();
    node.append(...(await postsOf("one")));
    await life.until(async () => (await life.messages()).length === 1);
    await life.settle();
    expect(seen).toEqual([]);
    await life.channels.subscribe(channelId, handler, { name: "it" });
    await life.until(() => seen.length === 1);
  });

  it("is refused with a name or a number that cannot be", async () => {
    const life = await following(new FakeNode());
    for (const options of [{ name: "" }, { name: "a/b" }, { name: "x".repeat(65) }, { since: -1 }, { replay: 0.5 }])
      await expect(life.channels.subscribe(channelId, () => undefined, options)).rejects.toMatchObject({
        code: "invalid_argument",
      });
    await life.channels.subscribe(channelId, () => undefined, { name: "x".repeat(64) });
  });
});
