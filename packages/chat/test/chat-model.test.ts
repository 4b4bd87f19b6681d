import type { ArchiveChange } from "@parley/core";
import { type ParleyError, ParleyError as CodedError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { beforeEach, describe, expect, it } from "vitest";

import { ChatModel } from "../src/model/chat-model.ts";
import type { Conversation } from "../src/model/chat-state.ts";
import { neighbourOf, nextUnread, sectionsOf } from "../src/model/conversation-list.ts";
import { general } from "./demo-scene.ts";
import { FakeDevice, idOf } from "./fake-device.ts";

let clock: FakeClock;
let device: FakeDevice;
let model: ChatModel;
let troubles: ParleyError[];
const grace = `@${idOf("grace")}`;

beforeEach(async () => {
  clock = new FakeClock();
  device = new FakeDevice({ now: () => clock.now() });
  device.addMember("grace", "person");
  device.addMember("librarian", "agent", "offline");
  device.contact("grace", { standing: "accepted" });
  device.addChannel("general", {}, ["ada", "grace"]);
  troubles = [];
  model = new ChatModel({ device, clock, onTrouble: (error) => troubles.push(error) });
});

function held(key: string): Conversation {
  const conversation = model.state.conversations.get(key);
  if (conversation === undefined) throw new Error(`no conversation ${key}`);
  return conversation;
}

const texts = (key: string): readonly string[] =>
  held(key).messages.map(({ content }) =>
    "text" in content && typeof content.text === "string" ? content.text : content.type,
  );

describe("lists", () => {
  it("show channels, direct messages and requests apart, each with what is new", async () => {
    device.contact("mallory", { standing: "request" });
    await device.says("grace", grace, "one");
    await device.says("mallory", `@${idOf("mallory")}`, "let me in");
    await device.says("grace", general, "@ada hello", { mentioned: true });
    await model.start();
    expect(
      sectionsOf(model.state).map(({ title, conversations }) => [
        title,
        ...conversations.map(({ name, unread, mentions }) => `${name} ${unread} ${mentions}`),
      ]),
    ).toEqual([
      ["Channels", "general 1 1"],
      ["Direct messages", "grace 1 0"],
      ["Requests", "mallory 1 0"],
    ]);
  });

  it("know who is there, by the directory", async () => {
    await model.start();
    expect(model.state.people.get(idOf("grace"))).toMatchObject({ kind: "person", presence: "connected" });
    expect(model.state.people.get(idOf("librarian"))).toMatchObject({ kind: "agent", presence: "offline" });
  });

  it("leave out whoever is blocked", async () => {
    await device.says("grace", grace, "one");
    await model.start();
    await device.conversations.block(grace);
    expect(sectionsOf(model.state)[1]?.conversations).toEqual([]);
  });

  it("leave out channels that were left, whatever is remembered of them", async () => {
    device.addChannel("gone", { joined: false });
    await device.says("grace", `#${idOf("gone")}`, "long ago");
    await model.start();
    await model.refresh();
    expect(sectionsOf(model.state)[0]?.conversations.map(({ name }) => name)).toEqual(["general"]);
  });

  it("do not count anew what was read while they were read", async () => {
    await device.says("grace", general, "one");
    await model.start();
    await model.open(general);
    const before = await device.conversations.conversations();
    device.conversations.conversations = () => Promise.resolve(before);
    model.attend();
    await model.refresh();
    expect(held(general).unread).toBe(0);
  });

  it("lead around their end, and first to what calls", async () => {
    await model.start();
    await model.open(general);
    expect(neighbourOf(model.state, -1)).toBe(grace);
    expect(neighbourOf(model.state, 1)).toBe(grace);
    await device.says("librarian", `@${idOf("librarian")}`, "found it");
    await device.says("grace", grace, "you there?", { mentioned: true });
    expect(nextUnread(model.state)).toBe(grace);
  });

  it("take in a conversation that somebody begins", async () => {
    await model.start();
    await device.says("librarian", `@${idOf("librarian")}`, "found it");
    expect(held(`@${idOf("librarian")}`)).toMatchObject({ name: "librarian", unread: 1 });
  });
});

describe("an open conversation", () => {
  it("shows what comes, in order, and counts it as read only when somebody attends", async () => {
    await model.start();
    await model.open(general);
    await device.says("grace", general, "one");
    await device.says("grace", general, "two");
    expect(texts(general)).toEqual(["one", "two"]);
    expect(held(general).unread).toBe(2);
    model.attend();
    expect(held(general).unread).toBe(0);
    expect(device.calls).toContain("read #general m0002");
  });

  it("is not read while its author still waits to be accepted", async () => {
    device.contact("mallory", { standing: "request" });
    await model.start();
    await device.says("mallory", `@${idOf("mallory")}`, "let me in");
    await model.open(`@${idOf("mallory")}`);
    model.attend();
    expect(device.calls.filter((call) => call.startsWith("read"))).toEqual([]);
    expect(held(`@${idOf("mallory")}`).unread).toBe(1);
  });

  it("marks where what is new begins, until another one is opened", async () => {
    await device.says("grace", general, "old");
    await device.conversations.read(general, "m0001");
    await device.says("grace", general, "news");
    await model.start();
    await model.open(general);
    model.attend();
    expect(held(general).newAfter).toBe(1);
    await model.open(grace);
    expect(held(general).newAfter).toBeUndefined();
  });

  it("loads older messages from the archive, then from the registry, until there are none", async () => {
    for (let count = 1; count <= 150; count++) await device.says("grace", general, `${count}`, { sort: count + 100 });
    const older = Array.from({ length: 20 }, (_, index): ArchiveChange => ({
      type: "message",
      message: {
        conversation: general,
        id: `old${index}`,
        sort: index + 1,
        author: idOf("grace"),
        name: "grace",
        device: undefined,
        created: 0,
        taken: 0,
        content: { type: "text", text: `old ${index}` },
        path: undefined,
        protection: "signed",
        own: false,
      },
    }));
    device.atRegistry.set(idOf("general"), older);
    await model.start();
    await model.open(general);
    const sizes = [held(general).messages.length];
    for (let turn = 0; turn < 4; turn++) {
      await model.loadOlder(general);
      sizes.push(held(general).messages.length);
    }
    expect(sizes).toEqual([150, 170, 170, 170, 170]);
    expect(held(general).older).toBe(false);
    expect(texts(general)[0]).toBe("old 0");
    expect(troubles).toEqual([]);
  });

  it("shows what comes while it is loaded", async () => {
    await model.start();
    const [read, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    device.conversations.messages = async (query) => {
      const page = await device.archive.messages(query);
      read.resolve();
      await goOn.promise;
      return page;
    };
    const opening = model.open(general);
    await read.promise;
    await device.says("grace", general, "meanwhile");
    goOn.resolve();
    await opening;
    expect(texts(general)).toEqual(["meanwhile"]);
  });

  it("shows posts of an earlier start that wait still, each of them once", async () => {
    const content = { type: "text", text: "still here" };
    const left = { id: "w1", created: 5, content, state: "accepted" } as const;
    device.conversations.pending = () => Promise.resolve([left]);
    await model.start();
    await model.open(general);
    expect(held(general).waiting).toMatchObject([{ id: "w1", own: true, state: "accepted", content }]);
    await device.says("ada", general, "still here", { id: "w1", state: "stored" });
    expect(held(general).waiting).toEqual([]);
    expect(texts(general)).toEqual(["still here"]);
  });

  it("puts what happened before it was opened in its place", async () => {
    await device.says("grace", general, "one");
    await model.start();
    clock.advance(1000);
    const joined = { type: "channel", channel: idOf("general"), what: "joined", by: undefined, at: 0 } as const;
    device.emit({ ...joined, member: idOf("librarian"), name: undefined });
    clock.advance(1000);
    await device.says("grace", general, "two");
    await model.open(general);
    expect(held(general).notices).toMatchObject([{ after: 1, text: "@librarian came in" }]);
  });

  it("says of a member that was revoked that it is none any more", async () => {
    await model.start();
    await model.open(general);
    const event = { type: "channel", channel: idOf("general"), what: "removed", by: undefined, at: 0 } as const;
    device.emit({ ...event, member: idOf("grace"), name: "grace" });
    expect(held(general).notices).toMatchObject([{ text: "@grace is no member of the mesh any more" }]);
    expect(held(general).people?.map(({ name }) => name)).toEqual(["ada"]);
  });

  it("does not call its oldest message the beginning once older ones were let go", async () => {
    await device.says("grace", grace, "first");
    await model.start();
    await model.open(grace);
    expect(held(grace).older).toBe(false);
    for (let count = 0; count < 2000; count++) await device.says("grace", grace, `${count}`);
    expect([held(grace).messages.length, held(grace).older]).toEqual([2000, true]);
  });

  it("follows edits, retractions, reactions and states", async () => {
    await model.start();
    await model.open(general);
    const { id } = await device.says("grace", general, "first");
    await device.take({ type: "edit", conversation: general, of: id, by: idOf("grace"), at: 1, text: "second" });
    await device.take({ type: "reaction", conversation: general, of: id, by: idOf("ada"), reaction: "👍", on: true });
    expect(texts(general)).toEqual(["second"]);
    expect(held(general).messages[0]?.reactions).toEqual({ "👍": [idOf("ada")] });
    await device.take({ type: "retract", conversation: general, of: id, by: idOf("grace"), at: 2 });
    expect(held(general).messages[0]?.retracted).toBe(2);
  });

  it("declares a gap where it is", async () => {
    await model.start();
    await model.open(general);
    device.emit({ type: "channel-gap", channel: idOf("general"), from: 4, to: 9, reason: "trimmed" });
    expect(held(general).notices).toMatchObject([{ kind: "gap", after: 3, text: expect.stringContaining("4 to 9") }]);
  });

  it("says who writes, for as long as they do", async () => {
    await model.start();
    const typing = { type: "typing", conversation: general, member: idOf("grace"), name: "grace" } as const;
    device.emit({ ...typing, writes: true });
    expect(held(general).typing).toEqual([{ member: idOf("grace"), name: "grace" }]);
    clock.advance(8000);
    expect(held(general).typing).toEqual([]);
    device.emit({ ...typing, writes: true });
    await device.says("grace", general, "done");
    expect(held(general).typing).toEqual([]);
  });
});

describe("saying something", () => {
  it("shows it as accepted while the registry is away, and what becomes of it later", async () => {
    await model.start();
    await model.open(general);
    await device.session("waiting", 4000);
    expect(model.state.connection).toMatchObject({ state: "waiting", retryAt: clock.now() + 4000 });
    await model.say(general, { text: "still here" });
    await model.say(grace, { text: "you too" });
    expect(held(general).waiting).toMatchObject([{ state: "accepted", protection: "signed" }]);
    expect(held(grace).unread).toBe(0);
    await device.session("connected");
    expect(held(general).waiting).toEqual([]);
    expect(held(general).messages.at(-1)?.state).toBe("stored");
    expect(model.state.connection).toEqual({ state: "connected", error: undefined, retryAt: undefined });
  });

  it("shows what becomes of a post that never gets into the history", async () => {
    await model.start();
    await model.open(general);
    await device.session("waiting");
    await model.say(general, { text: "too late" });
    const [post] = held(general).waiting;
    const facts = { at: 0, tookMs: 0, path: undefined, reason: undefined, device: undefined, error: undefined };
    device.emit({ type: "delivery", to: "#general", delivery: { id: post?.id ?? "", state: "refused", ...facts } });
    expect(held(general).waiting).toMatchObject([{ state: "refused" }]);
  });

  it("passes on why it cannot be said", async () => {
    await model.start();
    device.refuseNext = new CodedError("key_changed");
    await expect(model.say(grace, { text: "hi" })).rejects.toMatchObject({ code: "key_changed" });
  });
});

describe("a thread", () => {
  it("has its first message and every answer, also those that come while it is open", async () => {
    await model.start();
    await model.open(general);
    const root = await device.says("grace", general, "root");
    await device.says("grace", general, "beside");
    await device.says("ada", general, "one", { content: { type: "text", text: "one", thread: root.id } });
    await model.openThread(general, root);
    await device.says("grace", general, "two", { content: { type: "text", text: "two", thread: root.id } });
    expect(model.state.thread?.messages.map(({ id }) => id)).toEqual(["m0001", "m0003", "m0004"]);
    model.closeThread();
    expect(model.state.thread).toBeUndefined();
  });
});

it("keeps its lists when the registry cannot be asked", async () => {
  await model.start();
  device.conversations.channels = () => Promise.reject(new CodedError("unreachable"));
  await model.refresh();
  expect(held(general).name).toBe("general");
  expect(troubles).toEqual([]);
});

it("lets go of the device when it stops", async () => {
  await model.start();
  model.stop();
  await device.says("grace", grace, "nobody hears");
  expect(held(grace).unread).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});
