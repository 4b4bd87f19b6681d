import type { ConversationApi, DeviceEvent } from "@parley/client";
import { anyContentSchema } from "@parley/protocol";
import { expect, it } from "vitest";

import { attachDevice, lineBytes } from "../src/index.ts";
import { channel, contact, pendingPost, person, postOf, said, summary, via } from "./fake-conversations.ts";
import { openSocket, until } from "./open-socket.ts";
import { RawCaller } from "./raw-caller.ts";

/** The same calls on the held device and through its socket; the answers, and what the held one was asked. */
async function onBoth<Answer>(call: (conversations: ConversationApi) => Promise<Answer>) {
  const { path, device } = await openSocket();
  const here = await call(device.conversations);
  const asked = device.asked.splice(0);
  const attached = await attachDevice(path);
  const there = await call(attached.conversations);
  expect(there).toEqual(here);
  expect(device.asked).toEqual(asked);
  return here;
}

it("answers about conversations, contacts and channels as the held device does", async () => {
  const answers = await onBoth(async (conversations) => [
    await conversations.conversations(),
    await conversations.messages({ conversation: "@bob", before: 9, thread: "in.1", limit: 5 }),
    await conversations.search({ text: "hel", conversation: "#general", author: "A".repeat(43) }),
    await conversations.fetchOlder("#general"),
    await conversations.contact("bob"),
    await conversations.contacts("request"),
    await conversations.contacts(),
    await conversations.words("@bob"),
    await conversations.channels({ joined: true }),
    await conversations.channel("#general"),
    await conversations.channelMembers("#general"),
  ]);
  expect(answers.slice(0, 2)).toEqual([
    [summary, { ...summary, last: undefined, mark: "mark" }],
    { messages: [said("hello")], more: true },
  ]);
  expect(answers.slice(4)).toEqual([
    contact,
    [contact, { ...contact, name: undefined }],
    [contact, { ...contact, name: undefined }],
    { member: "A".repeat(43), name: "bob", words: ["able", "baker"], trust: "changed" },
    [channel],
    channel,
    [person],
  ]);
});

it("tells of posts that are not in the history yet as the held device does, with whom they are posted for", async () => {
  const [pending] = await onBoth(async (conversations) => [await conversations.pending("#general")]);
  expect(pending).toMatchObject([pendingPost, { state: "stored" }]);
});

it("posts for whom an edge speaks as the held device does, and says of each message for whom it was posted", async () => {
  const { path, device } = await openSocket();
  device.conversations.page = { messages: [{ ...said("sss"), protection: "door", via }], more: false };
  const { conversations } = await attachDevice(path);
  await conversations.say("#general", { text: "sss", via });
  expect(device.asked).toEqual([["say", "#general", { text: "sss", via }, {}]]);
  expect((await conversations.messages({ conversation: "#general" })).messages).toMatchObject([{ via }]);
});

it("changes contacts, secrets and channels as the held device does", async () => {
  await onBoth(async (conversations) => [
    await conversations.read("@bob", "in.1"),
    await conversations.read("@bob", "in.1", { tell: false }),
    await conversations.accept("@bob"),
    await conversations.block("@bob"),
    await conversations.unblock("@bob"),
    await conversations.verify("@bob"),
    await conversations.newSecret("@bob"),
    await conversations.setSecret("@bob", "a phrase"),
    await conversations.removeSecret("@bob"),
    await conversations.createChannel({ name: "plans", kind: "invite", topic: "t", retention: { posts: 5 } }),
    await conversations.joinChannel("#plans"),
    await conversations.changeChannel("#plans", { history: "joined", archived: true }),
    await conversations.inviteTo("#plans", "@bob"),
    await conversations.kickFrom("#plans", "@bob"),
    await conversations.leaveChannel("#plans"),
  ]);
});

it("says, edits, takes back and reacts, and carries what becomes of it", async () => {
  const { path, device } = await openSocket();
  const { conversations } = await attachDevice(path);
  const draft = { text: "hello", thread: "in.1", answers: "in.2", mentions: [{ all: "reviewer" }] };
  const sent = await conversations.say("#general", draft, { ttlMs: 5, paths: ["relay"] });
  expect(sent.accepted.state).toBe("accepted");
  device.stored();
  await until(() => sent.state().state === "stored");
  expect(await sent.reaches("stored")).toMatchObject({ state: "stored" });
  await conversations.edit("@bob", "in.1", "new");
  await conversations.retract("@bob", "in.1");
  await conversations.react("@bob", "in.1", "👍");
  await conversations.react("@bob", "in.1", "👍", false);
  conversations.typing("@bob", true);
  await until(() => device.asked.length === 6);
  expect(device.asked).toEqual([
    ["say", "#general", draft, { ttlMs: 5, paths: ["relay"] }],
    ["edit", "@bob", "in.1", "new"],
    ["retract", "@bob", "in.1"],
    ["react", "@bob", "in.1", "👍", true],
    ["react", "@bob", "in.1", "👍", false],
    ["typing", "@bob", true],
  ]);
  device.delivered();
  expect(await sent.settled).toMatchObject({ state: "delivered" });
  expect(await sent.reaches("delivered")).toMatchObject({ state: "delivered" });
});

it("passes errors of conversations on with their code", async () => {
  const { path } = await openSocket();
  const { conversations } = await attachDevice(path);
  await expect(conversations.contact("nobody")).rejects.toMatchObject({ code: "unknown_member" });
  await expect(conversations.subscribe("#none", () => undefined)).rejects.toMatchObject({ code: "unknown_channel" });
  await expect(conversations.search({ text: "" })).rejects.toMatchObject({ code: "invalid_argument" });
});

it("hands posts out one after the other and tells the holder when each is done", async () => {
  const { path, device } = await openSocket();
  const { conversations } = await attachDevice(path);
  const seen: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const options = { name: "listen", since: 3, replay: 0, own: true };
  const leave = await conversations.subscribe(
    "#general",
    async (post) => {
      seen.push(post);
      await gate.promise;
    },
    options,
  );
  expect(device.asked).toEqual([["subscribe", "#general", options]]);
  let done = 0;
  void device.conversations.receive(postOf("one")).then(() => done++);
  void device.conversations.receive(postOf("two")).then(() => done++);
  await until(() => seen.length === 1);
  expect(done).toBe(0);
  gate.resolve();
  await until(() => done === 2);
  expect(seen).toEqual([postOf("one"), postOf("two")]);
  leave();
  await until(() => device.conversations.subscribers === 0);
});

it("fails the holder's handler of posts when the listening program dies, and leaves no subscriber", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  await attached.conversations.subscribe("#general", () => new Promise(() => undefined));
  const received = device.conversations.receive(postOf("one"));
  received.catch(() => undefined);
  await attached.stop();
  await expect(received).rejects.toMatchObject({ code: "closed" });
  await until(() => device.conversations.subscribers === 0);
});

it("keeps what comes for as long as the attached program does", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const release = attached.conversations.keep();
  await until(() => device.conversations.keepers === 1);
  release();
  await until(() => device.conversations.keepers === 0);
  attached.conversations.keep();
  await until(() => device.conversations.keepers === 1);
  await attached.stop();
  await until(() => device.conversations.keepers === 0);
});

it("passes every event of conversations on", async () => {
  const { path, device } = await openSocket();
  const attached = await attachDevice(path);
  const [seen, events]: DeviceEvent[][] = [
    [],
    [
      { type: "message", message: said("hello"), request: true },
      { type: "message-changed", message: { ...said("hello"), state: "read", unreadable: "no-group" } },
      { type: "typing", conversation: "@x", member: "x", name: "bob", writes: true },
      { type: "read", conversation: "@x", upTo: 4 },
      { type: "contact", contact },
      { type: "channel", channel: "x", what: "invited", member: "y", name: "bob", by: undefined, at: 3 },
      { type: "channel-gap", channel: "x", from: 1, to: 2, reason: "trimmed" },
    ],
  ];
  attached.watch((event) => void seen?.push(event));
  for (const event of events ?? []) device.emit(event);
  await until(() => seen?.length === events?.length);
  expect(seen).toEqual(events);
});

it("passes a message that fills a line alone on as one that cannot be shown", async () => {
  const { path, device } = await openSocket();
  const { conversations } = await attachDevice(path);
  device.conversations.page = { messages: [said("x".repeat(lineBytes)), said("fits")], more: false };
  const { messages } = await conversations.messages({ conversation: "@bob" });
  expect(messages).toEqual([{ ...said(""), content: { type: "omitted" }, unreadable: "unknown" }, said("fits")]);
});

it("passes on content of a type that nobody knows, as deep as a member may make it", async () => {
  const { path, device } = await openSocket();
  const { conversations } = await attachDevice(path);
  let inside: unknown = "x";
  for (let level = 1; level < 16; level++) inside = [inside];
  const content = anyContentSchema.parse({ type: "later", inside });
  device.conversations.page = { messages: [{ ...said(""), content, unreadable: "unknown" }], more: false };
  const { messages } = await conversations.messages({ conversation: "#general" });
  expect(messages).toEqual(device.conversations.page.messages);
  const seen: unknown[] = [];
  await conversations.subscribe("#general", (post) => void seen.push(post.message.content));
  await device.conversations.receive({ ...postOf(""), message: { ...said(""), content } });
  expect(seen).toEqual([content]);
});

it.each([
  ["a query without a conversation", "archived", {}],
  ["a limit that is no number", "archived", { conversation: "@bob", limit: "all" }],
  ["a limit of nothing", "search", { text: "x", limit: 0 }],
  ["an unknown field", "accept", { who: "bob", extra: 1 }],
  ["a text that is none", "say", { conversation: "@bob", text: 1 }],
  ["a topic with control characters", "createChannel", { name: "x", kind: "public", topic: "\u0007" }],
  ["an offset below zero", "subscribe", { channel: "#x", since: -1 }],
  ["a mark of nobody", "say", { conversation: "#x", text: "x", via: { edge: "door" } }],
  ["posts of no conversation", "pending", {}],
  ["an unknown standing", "contacts", { standing: "friend" }],
])("answers %s with a code and goes on", async (_, op, body) => {
  const { path } = await openSocket();
  const caller = await RawCaller.greeted(path);
  caller.send({ id: 1, op, body });
  expect(await caller.next()).toMatchObject({ re: 1, error: { code: "invalid_argument" } });
  caller.send({ id: 2, op: "contact", body: { who: "bob" } });
  expect(await caller.next()).toMatchObject({ re: 2, body: { name: "bob" } });
});
