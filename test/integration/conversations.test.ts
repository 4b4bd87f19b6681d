import type { Device } from "@parley/client";
import { type ArchivedMessage, openMemoryArchive } from "@parley/core";
import { textContent } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { Events, type Joined, MeshScope, Messages, until } from "./device-fixture.ts";

async function another(scope: MeshScope, member: TestMember): Promise<Joined> {
  const links = scope.control();
  const added = await scope.mesh.addDevice(member, { links: { factory: links } });
  return { ...added, links, events: new Events(added.device) };
}

async function said(device: Device, conversation: string): Promise<readonly ArchivedMessage[]> {
  return (await device.conversations.messages({ conversation })).messages;
}

const textsOf = (messages: readonly ArchivedMessage[]): readonly (string | undefined)[] =>
  messages.map(({ content }) => textContent(content)?.text);

describe("a conversation of two members", () => {
  it("is remembered on both sides with what became of each message, read or not", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const sent = await alice.device.conversations.say("@bob", { text: "hello" });
    await sent.settled;
    await until(async () => (await said(bob.device, "@alice")).length === 1);
    expect((await said(bob.device, "@alice"))[0]).toMatchObject({
      id: sent.id,
      author: alice.device.member,
      name: "alice",
      own: false,
      protection: "sealed",
    });
    await until(async () => (await said(alice.device, "@bob"))[0]?.state === "delivered");
    expect((await said(alice.device, "@bob"))[0]).toMatchObject({ id: sent.id, own: true });
    expect(await bob.device.conversations.conversations()).toMatchObject([
      { conversation: `@${alice.device.member}`, unread: 1, messages: 1 },
    ]);
    await bob.device.conversations.read("@alice", sent.id);
    expect(await bob.device.conversations.conversations()).toMatchObject([{ unread: 0 }]);
    await until(async () => (await said(alice.device, "@bob"))[0]?.state === "read");
  });

  it("is told to be read unless that is withheld, and never when it could not be opened", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const hear = async (text: string): Promise<string> => {
      const before = (await said(bob.device, "@alice")).length;
      const sent = await alice.device.conversations.say("@bob", { text });
      await until(async () => (await said(bob.device, "@alice")).length > before);
      await until(async () => (await said(alice.device, "@bob")).at(-1)?.state === "delivered");
      return sent.id;
    };
    await bob.device.conversations.read("@alice", await hear("between us"), { tell: false });
    await alice.device.conversations.newSecret("@bob");
    await bob.device.conversations.read("@alice", await hear("under a secret"));
    await alice.device.conversations.removeSecret("@bob");
    await bob.device.conversations.read("@alice", await hear("in the open"));
    await until(async () => (await said(alice.device, "@bob")).at(-1)?.state === "read");
    expect((await said(alice.device, "@bob")).map(({ state }) => state)).toEqual(["delivered", "delivered", "read"]);
    expect(await bob.device.conversations.conversations()).toMatchObject([{ unread: 0 }]);
  });

  it("shows what was read after a start of the one who wrote it", async () => {
    await using scope = await MeshScope.start();
    const archive = openMemoryArchive();
    const alice = await scope.join("alice", { archive });
    const bob = await scope.join("bob");
    const sent = await alice.device.conversations.say("@bob", { text: "hello" });
    await sent.settled;
    await until(async () => (await said(bob.device, "@alice")).length === 1);
    await until(async () => (await alice.journal.load()).outbox.length === 0);
    await alice.device.stop();
    await scope.gone("alice");
    await bob.device.conversations.read("@alice", sent.id);
    const again = await scope.restart(alice.joined, { journal: alice.journal, archive });
    await until(async () => (await said(again.device, "@bob"))[0]?.state === "read");
    expect((await again.device.deliveries({ id: sent.id })).records).toMatchObject([{ state: "read" }]);
  });

  it("takes edits, retractions and reactions, each by whoever may", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const first = await alice.device.conversations.say("@bob", { text: "frist" });
    const second = await alice.device.conversations.say("@bob", { text: "oops" });
    await alice.device.conversations.edit("@bob", first.id, "first");
    await alice.device.conversations.retract("@bob", second.id);
    await until(async () => (await said(bob.device, "@alice")).some(({ retracted }) => retracted !== undefined));
    await bob.device.conversations.react("@alice", first.id, "👍");
    await expect(bob.device.conversations.edit("@alice", first.id, "mine")).rejects.toMatchObject({
      code: "forbidden",
    });
    for (const [device, other] of [
      [alice.device, "@bob"],
      [bob.device, "@alice"],
    ] as const) {
      await until(async () => (await said(device, other))[0]?.reactions["👍"] !== undefined);
      const [one, two] = await said(device, other);
      expect([textContent(one?.content)?.text, one?.edited === undefined]).toEqual(["first", false]);
      expect(one?.reactions).toEqual({ "👍": [bob.device.member] });
      expect(two?.content).toMatchObject({ type: "retract" });
    }
    expect(await bob.device.conversations.search({ text: "fir" })).toMatchObject([{ id: first.id }]);
  });

  it("begins as a request where a person is asked first, and is refused once it is blocked", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const ada = await scope.join("ada", { kind: "person", strangers: "ask" });
    const first = await alice.device.conversations.say("@ada", { text: "may I" });
    const heard = await ada.events.first("message");
    expect(heard).toMatchObject({ request: true, message: { id: first.id } });
    expect(await ada.device.conversations.contacts("request")).toMatchObject([{ name: "alice", standing: "request" }]);
    for (let count = 2; count <= 10; count++) await alice.device.conversations.say("@ada", { text: `${count}` });
    const tooMany = await alice.device.conversations.say("@ada", { text: "11" });
    expect(await tooMany.settled).toMatchObject({ state: "refused", error: { code: "request_pending" } });
    await ada.device.conversations.accept("@alice");
    const accepted = await alice.device.conversations.say("@ada", { text: "thanks" });
    expect(await accepted.settled).toMatchObject({ state: "delivered" });
    await ada.device.conversations.block("@alice");
    const blocked = await alice.device.conversations.say("@ada", { text: "hello?" });
    expect(await blocked.settled).toMatchObject({ state: "refused", error: { code: "blocked" } });
    expect(textsOf(await said(ada.device, "@alice")).at(-1)).toBe("thanks");
    await expect(ada.device.conversations.say("@alice", { text: "no" })).rejects.toMatchObject({ code: "blocked" });
  });

  it("is refused in the same words by the registry as by the device of whom blocked it", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await (
      await alice.device.conversations.say("@bob", { text: "over a link, in the end" })
    ).settled;
    await alice.events.link("open");
    await bob.device.conversations.block("@alice");
    const byDevice = await (await alice.device.conversations.say("@bob", { text: "by the link" })).settled;
    const byRegistry = await (
      await alice.device.conversations.say("@bob", { text: "by the registry" }, { paths: ["relay", "mailbox"] })
    ).settled;
    expect(byRegistry).toMatchObject({ state: "refused", error: { code: "blocked" } });
    const told = ({ state, device, error, path }: typeof byDevice): unknown => ({ state, device, error, path });
    expect(told(byDevice)).toEqual(told(byRegistry));
    await until(async () => (await said(alice.device, "@bob")).at(-1)?.state === "refused");
    await until(async () => (await alice.journal.load()).outbox.length === 0);
    await bob.device.conversations.unblock("@alice");
    const welcome = await alice.device.conversations.say("@bob", { text: "friends" }, { paths: ["relay", "mailbox"] });
    expect(await welcome.settled).toMatchObject({ state: "delivered" });
    expect(textsOf(await said(bob.device, "@alice"))).toEqual(["over a link, in the end", "friends"]);
  });

  it("is protected by a shared secret, shows what it cannot open, and takes nothing without the secret any more", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const secret = await alice.device.conversations.newSecret("@bob");
    await (
      await alice.device.conversations.say("@bob", { text: "under the secret" })
    ).settled;
    await until(async () => (await said(bob.device, "@alice")).length === 1);
    expect((await said(bob.device, "@alice"))[0]).toMatchObject({ unreadable: "no-secret", protection: "secret" });
    expect(await bob.device.conversations.setSecret("@alice", "not it at all")).toBe("weak-phrase");
    expect(await bob.device.conversations.setSecret("@alice", secret)).toBe("random");
    await until(async () => textsOf(await said(bob.device, "@alice"))[0] === "under the secret");
    await (
      await bob.device.conversations.say("@alice", { text: "and back" })
    ).settled;
    await until(async () => (await said(alice.device, "@bob")).length === 2);
    expect(textsOf(await said(alice.device, "@bob"))).toEqual(["under the secret", "and back"]);
    await bob.device.conversations.removeSecret("@alice");
    const bare = await bob.device.conversations.say("@alice", { text: "downgrade" });
    expect(await bare.settled).toMatchObject({ state: "refused", error: { code: "secret_required" } });
  });

  it("does what was changed under a secret that was not known yet once it is", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const first = await alice.device.conversations.say("@bob", { text: "frist" });
    const second = await alice.device.conversations.say("@bob", { text: "oops" });
    const third = await alice.device.conversations.say("@bob", { text: "dinner?" });
    const secret = await alice.device.conversations.newSecret("@bob");
    await alice.device.conversations.edit("@bob", first.id, "first");
    await alice.device.conversations.retract("@bob", second.id);
    await alice.device.conversations.react("@bob", third.id, "🍕");
    await until(async () => (await said(bob.device, "@alice")).length === 6);
    expect((await said(bob.device, "@alice")).map(({ unreadable }) => unreadable).slice(3)).toEqual([
      "no-secret",
      "no-secret",
      "no-secret",
    ]);
    const changed = bob.events.first("message-changed", ({ message }) => message.id === third.id);
    await bob.device.conversations.setSecret("@alice", secret);
    await until(async () => (await said(bob.device, "@alice")).length === 3);
    const [one, two, three] = await said(bob.device, "@alice");
    expect([textContent(one?.content)?.text, two?.content.type, three?.reactions]).toEqual([
      "first",
      "retract",
      { "🍕": [alice.device.member] },
    ]);
    expect((await changed).message.reactions).toEqual({ "🍕": [alice.device.member] });
  });

  it("shows both the same words, and warns when somebody else has the name", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const [one, other] = await Promise.all([
      alice.device.conversations.words("@bob"),
      bob.device.conversations.words("@alice"),
    ]);
    expect(one.words).toEqual(other.words);
    expect(one.words.length).toBe(12);
    await alice.device.conversations.verify("@bob");
    expect(await alice.device.conversations.contact("@bob")).toMatchObject({ trust: "verified" });
  });

  it("tells the other side who is writing", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await (
      await alice.device.conversations.say("@bob", { text: "hi" })
    ).settled;
    alice.device.conversations.typing("@bob", true);
    expect(await bob.events.first("typing")).toMatchObject({ name: "alice", writes: true });
    alice.device.conversations.typing("@bob", false);
    expect(await bob.events.first("typing", ({ writes }) => !writes)).toMatchObject({ name: "alice" });
  });
});

describe("a person's devices", () => {
  it("show the same conversation: what one of them sent, what was read, who is blocked", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await another(scope, ada);
    const bob = await scope.join("bob");
    const sent = await ada.device.conversations.say("@bob", { text: "from my desk" });
    await until(async () => (await said(phone.device, "@bob")).length === 1);
    expect((await said(phone.device, "@bob"))[0]).toMatchObject({ id: sent.id, own: true });
    const answer = await bob.device.conversations.say("@ada", { text: "hello ada" });
    await Promise.all([ada, phone].map(({ device }) => until(async () => (await said(device, "@bob")).length === 2)));
    await phone.device.conversations.read("@bob", answer.id);
    await until(async () => (await ada.device.conversations.conversations())[0]?.unread === 0);
    await ada.device.conversations.block("@bob");
    await until(async () => (await phone.device.conversations.contact("@bob")).standing === "blocked");
    await until(async () => (await ada.journal.load()).outbox.length === 0);
    await until(async () => (await phone.journal.load()).outbox.length === 0);
  });

  it("passes what was said on to a new one, whatever was posted between, which finds posts in their channels", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const bob = await scope.join("bob");
    await ada.device.conversations.joinChannel("#general");
    await bob.device.conversations.joinChannel("#general");
    await (
      await ada.device.conversations.say("#general", { text: "to all" })
    ).settled;
    await (
      await ada.device.conversations.say("@bob", { text: "to bob" })
    ).settled;
    await (
      await bob.device.conversations.say("#general", { text: "from bob" })
    ).settled;
    await until(async () => (await ada.journal.load()).outbox.length === 0);
    expect((await ada.device.deliveries({ direction: "out" })).records.map(({ text }) => text)).toContain("to all");
    const phone = await another(scope, ada);
    await phone.events.first("history", ({ done }) => done);
    const texts = (await phone.device.deliveries({ direction: "out" })).records.map(({ text }) => text);
    expect(texts).toEqual(["to bob"]);
    await until(async () => (await said(phone.device, "#general")).length === 2);
    expect(textsOf(await said(phone.device, "#general"))).toEqual(["to all", "from bob"]);
    expect((await said(phone.device, "#general"))[0]).toMatchObject({ own: true });
  });

  it("tell a new one who is blocked, and the secrets that are shared", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    await scope.join("bob");
    await scope.join("pest");
    const secret = await ada.device.conversations.newSecret("@bob");
    await ada.device.conversations.block("@pest");
    const phone = await another(scope, ada);
    await until(async () => (await phone.device.conversations.contact("@pest")).standing === "blocked");
    await until(async () => (await phone.device.conversations.contact("@bob")).secret === "random");
    const laptop = await another(scope, ada);
    await until(async () => (await laptop.device.conversations.contacts()).length === 2);
    expect(await laptop.device.conversations.setSecret("@bob", secret)).toBe("random");
  });

  it("count as read on the one that was away what was read on the other one, however soon word of it comes", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await another(scope, ada);
    const bob = await scope.join("bob");
    for (const { device } of [ada, bob]) await device.conversations.joinChannel("#general");
    await phone.device.stop();
    const message = await bob.device.conversations.say("@ada", { text: "hello ada" });
    const post = await bob.device.conversations.say("#general", { text: "hello all" });
    await until(async () => (await said(ada.device, "@bob")).length === 1);
    await until(async () => (await said(ada.device, "#general")).length === 1);
    await ada.device.conversations.read("@bob", message.id);
    await ada.device.conversations.read("#general", (await said(ada.device, "#general"))[0]?.id ?? post.id);
    await until(async () => (await ada.device.conversations.conversations()).every(({ unread }) => unread === 0));
    await ada.device.stop();
    const again = await scope.restart(
      { ...phone.joined, identity: scope.mesh.identityOf(phone) },
      { journal: phone.journal },
    );
    await until(async () => {
      const conversations = await again.device.conversations.conversations();
      return conversations.filter(({ messages }) => messages === 1).length === 2;
    });
    await until(async () => (await again.device.conversations.conversations()).every(({ unread }) => unread === 0));
  });

  it("take the answers of whom one of them wrote to, however many", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person", strangers: "ask" });
    const links = scope.control();
    const phone = await scope.mesh.addDevice(ada, { links: { factory: links }, strangers: "ask" });
    const bob = await scope.join("bob");
    await (
      await ada.device.conversations.say("@bob", { text: "ask me anything" })
    ).settled;
    await until(async () => (await phone.device.conversations.contact("@bob")).standing === "accepted");
    for (let count = 1; count <= 12; count++)
      expect(await (await bob.device.conversations.say("@ada", { text: `${count}` })).settled).toMatchObject({
        state: "delivered",
      });
    await until(async () => (await said(phone.device, "@bob")).length === 13);
    expect(await phone.device.conversations.contacts("request")).toEqual([]);
  });

  it("hears on the one that was away what the other one sent meanwhile", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await another(scope, ada);
    await scope.join("bob");
    await phone.device.stop();
    const sent = await ada.device.conversations.say("@bob", { text: "while the phone was off" });
    await sent.settled;
    const again = await scope.restart(
      { ...phone.joined, identity: scope.mesh.identityOf(phone) },
      { journal: phone.journal },
    );
    await until(async () => (await said(again.device, "@bob")).length === 1);
    const messages = new Messages(again.device);
    expect(messages.texts).toEqual([]);
  });
});
