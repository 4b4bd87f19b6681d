import { describe, expect, it } from "vitest";

import { Author, FakeNode, forged, Life, text } from "./channel-scene.ts";

const self = await Author.create("self");
const ada = await Author.create("ada");
const ben = await Author.create("ben");

const numbered = (count: number, from = 1): readonly string[] =>
  Array.from({ length: count }, (_, index) => `post ${index + from}`);
const postsOf = (texts: readonly string[], author = ada): Promise<string[]> =>
  Promise.all(texts.map((said) => author.post(text(said))));

describe("a channel that is followed", () => {
  it("shows what was there, then what comes, in order", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf(numbered(3))));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(() => node.following);
    node.append(...(await postsOf(numbered(300, 4))));
    await life.until(async () => (await life.channels.view("#general")).last?.sort === 303);
    const { messages } = await life.archive.messages({
      conversation: `#${node.channel.channel}`,
      after: 0,
      limit: 200,
    });
    expect(messages.map(({ sort }) => sort)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect((await life.texts()).at(-1)).toBe("post 303");
    expect([life.gaps(), life.errors]).toEqual([[], []]);
  });

  it("begins with the newest page, and older ones come when they are asked for", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf(numbered(250))));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 100);
    expect((await life.texts())[0]).toBe("post 151");
    expect(await life.channels.fetchOlder(node.channel.channel)).toBe(true);
    expect(await life.channels.fetchOlder(node.channel.channel)).toBe(true);
    expect(await life.channels.fetchOlder(node.channel.channel)).toBe(false);
    const { messages } = await life.archive.messages({
      conversation: `#${node.channel.channel}`,
      after: 0,
      limit: 200,
    });
    expect(messages.map(({ sort }) => sort)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect((await life.archive.conversations())[0]?.messages).toBe(250);
  });

  it("shows no reaction that was withdrawn, whichever of the posts comes first", async () => {
    const node = new FakeNode();
    const id = mesh16(6);
    const react = (on: boolean, iat: number): Promise<string> =>
      ben.post({ type: "reaction", of: id, reaction: "👍", on }, { iat });
    node.append(await ada.post(text("old"), { id }), await react(true, 2000));
    node.append(...(await postsOf(numbered(100))), await react(false, 3000));
    const life = await Life.begin(node, self, [ada, ben]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 99);
    expect(await life.channels.fetchOlder(node.channel.channel)).toBe(true);
    const oldest = async () =>
      (await life.archive.messages({ conversation: `#${node.channel.channel}`, after: 0 })).messages[0];
    expect([(await oldest())?.id, (await oldest())?.reactions]).toEqual([id, {}]);
    node.append(await react(true, 4000));
    await life.until(async () => Object.keys((await oldest())?.reactions ?? {}).length === 1);
  });

  it("asks for what a batch shows to be missing", async () => {
    const node = new FakeNode();
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(() => node.following);
    node.mute = true;
    node.append(...(await postsOf(numbered(5))));
    node.mute = false;
    node.append(...(await postsOf(numbered(2, 6))));
    await life.until(async () => (await life.messages()).length === 7);
    expect(await life.texts()).toEqual(numbered(7));
    expect(life.gaps()).toEqual([]);
  });

  it("reads from the registry what came faster than it could be taken", async () => {
    const node = new FakeNode();
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(() => node.following);
    const posts = await postsOf(numbered(180));
    for (const post of posts) node.append(post);
    await life.until(async () => (await life.messages()).length === 180);
    expect(await life.texts()).toEqual(numbered(180));
    expect(node.asked.filter((type) => type === "channel.read").length).toBeGreaterThan(1);
    expect(life.gaps()).toEqual([]);
  });

  it("goes on after a restart where it stood, and declares what was trimmed meanwhile", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf(numbered(3))));
    const first = await Life.begin(node, self, [ada]);
    node.connect(first.channels);
    await first.until(async () => (await first.messages()).length === 3);
    await first.settle();
    first.channels.stop();
    node.disconnect();
    node.append(...(await postsOf(numbered(7, 4))));
    node.trim(8);
    const second = await Life.begin(node, self, [ada], first);
    node.connect(second.channels);
    await second.until(async () => (await second.messages()).length === 5);
    expect(await second.texts()).toEqual(["post 1", "post 2", "post 3", "post 9", "post 10"]);
    expect(second.gaps()).toMatchObject([{ from: 4, to: 8, reason: "trimmed" }]);
    expect(second.events.filter(({ type }) => type === "message")).toHaveLength(2);
  });

  it("begins anew after the registry was restored, and doubles nothing", async () => {
    const node = new FakeNode();
    const kept = await postsOf(numbered(3));
    node.append(...kept, ...(await postsOf(["lost 4", "lost 5"])));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 5);
    node.disconnect();
    node.epoch = "two";
    node.posts = node.posts.slice(0, 3);
    node.last = 3;
    node.append(...(await postsOf(["new 4"])));
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 6);
    node.append(...(await postsOf(["new 5"])));
    await life.until(async () => (await life.messages()).length === 7);
    expect(await life.texts()).toEqual([...numbered(3), "lost 4", "lost 5", "new 4", "new 5"]);
    expect(life.gaps()).toMatchObject([{ reason: "restored", to: 5 }]);
    expect(life.errors).toEqual([]);
  });

  it("begins anew, too, where the registry has less than this device under the same epoch", async () => {
    const node = new FakeNode();
    node.append(...(await postsOf(numbered(3))), ...(await postsOf(["lost 4", "lost 5"])));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 5);
    node.disconnect();
    node.posts = node.posts.slice(0, 3);
    node.last = 3;
    node.append(...(await postsOf(["new 4"])));
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 6);
    node.append(...(await postsOf(["new 5", "new 6"])));
    await life.until(async () => (await life.messages()).length === 8);
    expect(await life.texts()).toEqual([...numbered(3), "lost 4", "lost 5", "new 4", "new 5", "new 6"]);
    expect(life.gaps()).toMatchObject([{ reason: "restored", to: 5 }]);
    expect(life.errors).toEqual([]);
  });

  it("shows at its place that a post is not signed by its author, and takes the real one that it hides", async () => {
    const node = new FakeNode();
    const [one = "", two = "", three = ""] = await postsOf(numbered(3));
    const life = await Life.begin(node, self, [ada, ben]);
    const elsewhere = await ada.post(text("of another channel"), { channel: mesh32(1) });
    const asAda = await ada.post(text("as ada"), {}, ben.device);
    node.append(one, forged(two), two, asAda, elsewhere, three, "no.statement.at");
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 7);
    expect(await life.texts()).toEqual([
      "post 1",
      "(bad-signature)",
      "post 2",
      "(unknown)",
      "(bad-signature)",
      "post 3",
      "(bad-signature)",
    ]);
    expect(JSON.stringify(await life.messages())).not.toContain("forged");
  });

  it("waits for an author whose record cannot be had now, and keeps the order", async () => {
    const node = new FakeNode();
    node.append(await ada.post(text("one")), await ben.post(text("two")), await ada.post(text("three")));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 1);
    await life.settle();
    expect(await life.texts()).toEqual(["one"]);
    expect((await life.channels.list())[0]?.trouble).toBe("unreachable");
    life.known.set(ben.member, ben.view);
    await life.untilLater(async () => (await life.messages()).length === 3);
    expect(await life.texts()).toEqual(["one", "two", "three"]);
    expect((await life.channels.list())[0]?.trouble).toBeUndefined();
  });

  it("keeps nobody waiting who wants to hear of a channel that cannot be followed in this session", async () => {
    const node = new FakeNode();
    node.refusal = "forbidden";
    const life = await Life.begin(node, self, []);
    node.connect(life.channels);
    await life.until(async () => (await life.channels.list())[0]?.trouble === "forbidden");
    const end = await life.channels.subscribe(node.channel.channel, () => undefined);
    end();
  });

  it("lets nobody but its author change or take back a post", async () => {
    const node = new FakeNode();
    const id = mesh16(3);
    const via = (who: string) => ({ edge: "door" as const, id: who, name: who, standing: "keyless" as const });
    const door = mesh16(4);
    node.append(
      await ada.post(text("mine"), { id }),
      await ben.post({ type: "edit", of: id, text: "not mine" }),
      await ben.post({ type: "retract", of: id }),
      await ada.post({ type: "edit", of: id, text: "still mine" }, { iat: 2000 }),
      await ben.post(text("by x"), { id: door, via: via("x") }),
      await ben.post({ type: "edit", of: door, text: "by y" }, { via: via("y") }),
      await ben.post({ type: "edit", of: door, text: "not by the door" }),
      await ben.post({ type: "reaction", of: id, reaction: "👍", on: true }),
    );
    const life = await Life.begin(node, self, [ada, ben]);
    node.connect(life.channels);
    await life.until(async () => Object.keys((await life.messages())[0]?.reactions ?? {}).length === 1);
    expect(await life.texts()).toEqual(["still mine", "by x"]);
    expect((await life.messages())[1]).toMatchObject({ protection: "door", via: { id: "x" } });
    node.append(await ben.post({ type: "edit", of: door, text: "by x again" }, { via: via("x"), iat: 3000 }));
    await life.until(async () => (await life.texts())[1] === "by x again");
  });

  it("shows the same post that the registry kept twice only once, and two authors' posts with one id both", async () => {
    const node = new FakeNode();
    const id = mesh16(5);
    const post = await ada.post(text("once"), { id });
    node.append(post, await ben.post(text("other"), { id }), post);
    const life = await Life.begin(node, self, [ada, ben]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 2);
    node.append(post, await ada.post(text("last")));
    await life.until(async () => (await life.messages()).length === 3);
    expect(await life.texts()).toEqual(["once", "other", "last"]);
  });

  it("marks posts of an encrypted channel as unreadable where there are no keys for it", async () => {
    const node = new FakeNode("invite");
    node.append(await ada.post(text(""), { content: undefined, encrypted: { epoch: 1, message: "c2VhbGVk" } }));
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(async () => (await life.messages()).length === 1);
    expect((await life.messages())[0]).toMatchObject({ unreadable: "no-group", protection: "group" });
    await expect(life.channels.post(node.channel.channel, { type: "text", text: "clear" })).rejects.toMatchObject({
      code: "unsupported_operation",
    });
  });

  it("never takes an encrypted channel for an open one again", async () => {
    const node = new FakeNode("invite");
    const life = await Life.begin(node, self, [ada]);
    node.connect(life.channels);
    await life.until(() => node.following);
    node.channel = { ...node.channel, encrypted: false };
    expect((await life.channels.view("general")).encrypted).toBe(true);
    expect(node.received).toEqual([]);
  });

  it("nor when it is told so before it has looked what it knows", async () => {
    const node = new FakeNode("invite");
    const first = await Life.begin(node, self, [ada]);
    node.connect(first.channels);
    await first.until(() => node.following);
    await first.settle();
    node.channel = { ...node.channel, encrypted: false };
    const { archive, journal } = first;
    const second = await Life.begin(node, self, [ada], { archive, journal });
    second.channels.onPush({ type: "channel.invited", body: { channel: node.channel, by: ada.member } });
    node.connect(second.channels);
    await second.until(() => node.following);
    expect((await second.channels.view("general")).encrypted).toBe(true);
  });

  it("takes nothing of bytes that are no batch, or of a channel that it does not follow", async () => {
    const node = new FakeNode();
    const life = await Life.begin(node, self, [ada]);
    life.channels.onPosts(new Uint8Array([3, 1, 2]));
    life.channels.onPosts(node.batch(0, [{ offset: 1, at: 1, statement: await ada.post(text("x")) }]));
    await life.settle();
    expect(life.errors).toMatchObject([{ code: "malformed_frame" }]);
    expect(await life.messages()).toEqual([]);
  });
});

function mesh32(fill: number): string {
  return Buffer.alloc(32, fill).toString("base64url");
}

function mesh16(fill: number): string {
  return Buffer.alloc(16, fill).toString("base64url");
}
