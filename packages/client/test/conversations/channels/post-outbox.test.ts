import { type Journal, openMemoryJournal } from "@parley/core";
import { type AnyContent, type Content, limits, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import type { ChannelCipher } from "../../../src/conversations/channels/channel-cipher.ts";
import { Author, channelId, FakeNode, Life } from "./channel-scene.ts";

const self = await Author.create("self");
const say = (life: Life, said: string) => life.channels.post(channelId, { type: "text", text: said });

/** A life that follows the channel. */
async function following(node: FakeNode, kept: Parameters<typeof Life.begin>[3] = {}): Promise<Life> {
  const life = await Life.begin(node, self, [], kept);
  node.connect(life.channels);
  await life.until(() => node.following);
  await life.settle();
  return life;
}

/** A journal whose content a later life finds, whatever the earlier one does to it then. */
async function copyOf(journal: Journal): Promise<Journal> {
  const copy = openMemoryJournal();
  for (const entry of (await journal.load()).outbox) await copy.appendOutbox(entry);
  for (let shard = 0; shard < 16; shard++)
    await copy.putState(`channels/${shard}`, await journal.getState(`channels/${shard}`));
  return copy;
}

const statesOf = (life: Life, id: string): readonly string[] =>
  life.events.flatMap((event) => (event.type === "delivery" && event.delivery.id === id ? [event.delivery.state] : []));

describe("what is posted to a channel", () => {
  it("is stored, comes back into the history and leaves the outbox, in order", async () => {
    const node = new FakeNode();
    const life = await following(node);
    const count = 300;
    const sent = await Promise.all(Array.from({ length: count }, (_, index) => say(life, `post ${index}`)));
    expect((await sent[count - 1]?.settled)?.state).toBe("stored");
    await life.until(() => life.channels.pending(channelId).length === 0);
    await life.until(async () => (await life.archive.conversations())[0]?.messages === count);
    const { messages } = await life.archive.messages({ conversation: `#${channelId}`, after: 0, limit: 200 });
    expect(messages.map(({ id }) => id)).toEqual(sent.slice(0, 200).map(({ id }) => id));
    expect(messages[0]).toMatchObject({ own: true, state: "stored", protection: "signed" });
    await life.settle();
    expect((await life.journal.load()).outbox).toEqual([]);
    expect(statesOf(life, sent[0]?.id ?? "")).toEqual(["accepted", "stored"]);
    expect(life.events.find((event) => event.type === "delivery")).toMatchObject({ to: "#general" });
    expect(life.channels.isStored).toBe(true);
  });

  it("waits while the registry is away, and is shown as pending until it comes back", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.disconnect();
    const sent = await say(life, "later");
    const via = { edge: "door", id: "py", name: "snake", standing: "keyless" } as const;
    const through = await life.channels.post(channelId, { type: "text", text: "for another" }, { via });
    expect(life.channels.pending(channelId)).toMatchObject([
      { id: sent.id, state: "accepted" },
      { id: through.id, state: "accepted", via },
    ]);
    expect(life.channels.isStored).toBe(false);
    node.connect(life.channels);
    expect((await sent.settled).state).toBe("stored");
    await life.until(async () => (await life.messages()).length === 2);
    expect(life.channels.pending(channelId)).toEqual([]);
  });

  it("goes again in order after an error that may pass", async () => {
    const node = new FakeNode();
    const life = await following(node);
    let refusals = 2;
    node.onPost = () => (refusals-- > 0 ? "rate_limited" : "store");
    const first = await say(life, "one");
    await life.until(() => node.received.length === 1);
    await life.settle();
    const second = await say(life, "two");
    await life.settle();
    expect(node.received).toHaveLength(1);
    await life.untilLater(async () => (await life.messages()).length === 2);
    expect([first.state().state, second.state().state]).toEqual(["stored", "stored"]);
    expect(await life.texts()).toEqual(["one", "two"]);
  });

  it("is refused with the reason when the registry will never take it, and holds up nothing behind it", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.onPost = (_, id) => (id === first?.id ? "forbidden" : "store");
    const waiting = say(life, "one");
    const first = await waiting;
    const second = await say(life, "two");
    expect(await first.settled).toMatchObject({ state: "refused", error: { code: "forbidden" } });
    expect((await second.settled).state).toBe("stored");
    await life.until(() => life.channels.pending(channelId).length === 0);
    await life.settle();
    const { records } = await life.journal.deliveries();
    expect(records.map(({ state, pending }) => [state, pending])).toEqual([
      ["refused", false],
      ["stored", false],
    ]);
    expect((await first.reaches("delivered")).state).toBe("refused");
    expect((await second.reaches("delivered")).state).toBe("stored");
  });

  it("is sent again by the next life if the process ended before it was stored", async () => {
    const node = new FakeNode();
    node.onPost = () => "lose";
    const first = await following(node);
    const sent = await say(first, "kept");
    await first.until(() => node.received.length === 1);
    const journal = await copyOf(first.journal);
    node.disconnect();
    node.onPost = () => "store";
    const second = await following(node, { journal, archive: first.archive });
    await second.until(async () => (await second.messages()).length === 1);
    expect((await second.messages())[0]?.id).toBe(sent.id);
    await second.settle();
    expect((await journal.load()).outbox).toEqual([]);
  });

  it("is known by its echo if the process ended after it was stored, and is not sent again", async () => {
    const node = new FakeNode();
    node.onPost = () => "store silently";
    const first = await following(node);
    node.mute = true;
    const sent = await say(first, "kept");
    await first.until(() => node.last === 1);
    const journal = await copyOf(first.journal);
    node.disconnect();
    node.mute = false;
    const second = await following(node, { journal, archive: first.archive });
    await second.until(async () => (await second.messages()).length === 1);
    await second.settle();
    expect((await second.messages())[0]?.id).toBe(sent.id);
    expect(node.received).toHaveLength(1);
    expect((await journal.load()).outbox).toEqual([]);
    expect(statesOf(second, sent.id)).toEqual(["stored"]);
  });

  it("is sent again in a session that says nothing of it", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.onPost = () => "lose";
    const sent = await say(life, "lost");
    await life.until(() => node.received.length === 1);
    node.onPost = () => "store";
    await life.untilLater(() => sent.state().state === "stored");
    expect(node.received).toHaveLength(2);
  });

  it("has at most 64 posts of a channel under way", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.onPost = () => "lose";
    await Promise.all(Array.from({ length: 100 }, (_, index) => say(life, `post ${index}`)));
    await life.until(() => node.received.length === 64);
    await life.settle();
    expect(node.received).toHaveLength(64);
  });

  it("turns away what is too large, and one post more than may wait", async () => {
    const node = new FakeNode();
    const life = await following(node);
    const most = Math.floor((limits.statementBytes * 3) / 4) - 1024;
    const around = JSON.stringify({ type: "text", text: "" }).length;
    for (const length of [most - around - 1, most - around])
      expect((await (await say(life, "x".repeat(length))).settled).state).toBe("stored");
    await expect(say(life, "x".repeat(most - around + 1))).rejects.toMatchObject({ code: "too_large" });
    await life.until(() => life.channels.pending(channelId).length === 0);
    node.disconnect();
    await Promise.all(Array.from({ length: 4095 }, () => say(life, "x")));
    await say(life, "the last");
    await expect(say(life, "one more")).rejects.toMatchObject({ code: "limit_reached" });
  });

  it("is not accepted when it is not of the documented form", async () => {
    const node = new FakeNode();
    const life = await following(node);
    const wrong: readonly Content[] = [
      { type: "text", text: "" },
      { type: "text", text: "x", thread: "no id!" },
      { type: "reaction", of: "AAAA", reaction: "two words", on: true },
    ];
    for (const content of wrong)
      await expect(life.channels.post(channelId, content)).rejects.toMatchObject({ code: "invalid_argument" });
    expect(life.channels.pending(channelId)).toEqual([]);
    expect(node.received).toEqual([]);
  });

  it("is refused when this member is in the channel no more, or was never", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.disconnect();
    const sent = await say(life, "too late");
    node.joined = false;
    node.connect(life.channels);
    expect(await sent.settled).toMatchObject({ state: "refused", error: { code: "not_in_channel" } });
    await expect(say(life, "again")).rejects.toMatchObject({ code: "not_in_channel" });
  });

  it("is not said to be missing from a channel when it may have got there before this member was out", async () => {
    const node = new FakeNode();
    const life = await following(node);
    node.onPost = () => "store silently";
    node.mute = true;
    const sent = await say(life, "stored, and nobody said so");
    await life.until(() => node.last === 1);
    node.disconnect();
    const after = await say(life, "never sent");
    node.joined = false;
    node.connect(life.channels);
    expect((await sent.settled).error?.message).toContain("may have");
    expect((await after.settled).error?.message).not.toContain("may have");
  });

  it("is not taken by an archived channel", async () => {
    const node = new FakeNode();
    node.channel = { ...node.channel, archived: 5 };
    const life = await following(node);
    await expect(say(life, "x")).rejects.toMatchObject({ code: "archived" });
  });
});

describe("what is posted to an encrypted channel", () => {
  /** Seals by writing backward. */
  class BackwardCipher implements ChannelCipher {
    readonly calls: string[] = [];
    stale = false;
    seal(_: string, content: AnyContent): Promise<{ epoch: number; message: string }> {
      this.calls.push("seal");
      if (this.stale) return Promise.reject(new ParleyError("group_changed"));
      return Promise.resolve({ epoch: 1, message: Buffer.from(JSON.stringify(content)).toString("base64url") });
    }
    open(_: string, { message }: { message: string }): Promise<{ content: AnyContent }> {
      this.calls.push("open");
      return Promise.resolve({ content: JSON.parse(Buffer.from(message, "base64url").toString()) as Content });
    }
    onFollow(): Promise<void> {
      this.calls.push("follow");
      return Promise.resolve();
    }
    onGroupChanged(): Promise<void> {
      this.calls.push("changed");
      this.stale = false;
      return Promise.resolve();
    }
    onJoined(): Promise<void> {
      this.calls.push("joined");
      return Promise.resolve();
    }
    settle(): Promise<void> {
      return Promise.resolve();
    }
    invitedAt(): Promise<number> {
      return Promise.resolve(0);
    }
    onLeft(): Promise<void> {
      this.calls.push("left");
      return Promise.resolve();
    }
  }

  it("is sealed anew when the group changed, and its own echo is shown without being opened", async () => {
    const node = new FakeNode("invite");
    const cipher = new BackwardCipher();
    const life = await following(node, { cipher });
    cipher.stale = true;
    const sent = await say(life, "secret");
    await life.until(() => cipher.calls.includes("seal"));
    await life.untilLater(() => sent.state().state === "stored");
    await life.until(async () => (await life.messages()).length === 1);
    expect(await life.texts()).toEqual(["secret"]);
    expect((await life.messages())[0]).toMatchObject({ protection: "group", state: "stored" });
    expect(cipher.calls).toEqual(["follow", "seal", "changed", "seal"]);
    expect(node.received.join()).not.toContain(Buffer.from('"content"').toString("base64url").slice(0, 8));
  });

  it("keeps what it said until it came back, so that the next life shows it too", async () => {
    const node = new FakeNode("invite");
    node.onPost = () => "store";
    const first = await following(node, { cipher: new BackwardCipher() });
    node.mute = true;
    const sent = await say(first, "secret");
    expect((await sent.settled).state).toBe("stored");
    const journal = await copyOf(first.journal);
    node.disconnect();
    node.mute = false;
    const cipher = new BackwardCipher();
    const second = await following(node, { journal, archive: first.archive, cipher });
    await second.until(async () => (await second.messages()).length === 1);
    expect(await second.texts()).toEqual(["secret"]);
    expect(cipher.calls).toEqual(["follow"]);
  });
});
