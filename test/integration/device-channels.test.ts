import path from "node:path";

import type { Device } from "@parley/client";
import { type ArchivedMessage, openMemoryArchive, openMemoryJournal } from "@parley/core";
import { textContent } from "@parley/protocol";
import { openSqliteArchive, openSqliteJournal } from "@parley/store-sqlite";
import { describe, expect, it } from "vitest";

import { MeshScope, until } from "./device-fixture.ts";
import { ProcessMesh } from "./process-mesh.ts";

async function said(device: Device, channel: string): Promise<readonly ArchivedMessage[]> {
  const all: ArchivedMessage[] = [];
  for (let after = 0; ;) {
    const { messages, more } = await device.conversations.messages({ conversation: channel, after, limit: 200 });
    all.push(...messages);
    const last = messages.at(-1);
    if (!more || last === undefined) return all;
    after = last.sort;
  }
}

const idOf = async (device: Device, name: string): Promise<string> =>
  (await device.conversations.channel(name)).channel;

const textsOf = (messages: readonly ArchivedMessage[]): readonly (string | undefined)[] =>
  messages.map(({ content }) => textContent(content)?.text);

describe("a channel of two devices", () => {
  it("shows both the same posts, signed by their authors, with edits, reactions and mentions", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await alice.device.conversations.joinChannel("#general");
    await bob.device.conversations.joinChannel("general");
    const first = await alice.device.conversations.say("#general", { text: "hello @bob and @all:member." });
    expect((await first.settled).state).toBe("stored");
    await until(async () => (await said(bob.device, "#general")).length === 1);
    const [atBob] = await said(bob.device, "#general");
    expect(atBob).toMatchObject({
      id: first.id,
      author: alice.device.member,
      name: "alice",
      device: alice.device.device,
      protection: "signed",
      mentioned: true,
      own: false,
    });
    expect(textContent(atBob?.content)?.mentions).toEqual([{ member: bob.device.member }, { all: "member" }]);
    await bob.device.conversations.react("#general", first.id, "👍");
    await alice.device.conversations.edit("#general", first.id, "hello all");
    await bob.device.conversations.say("#general", { text: "hi", answers: first.id, thread: first.id });
    for (const { device } of [alice, bob]) {
      await until(async () => (await said(device, "#general")).length === 2);
      const messages = await said(device, "#general");
      expect(textsOf(messages)).toEqual(["hello all", "hi"]);
      expect(messages[0]).toMatchObject({ reactions: { "👍": [bob.device.member] }, replies: 1 });
    }
    expect((await said(alice.device, "#general"))[0]).toMatchObject({ own: true, state: "stored" });
    const [view] = await bob.device.conversations.channels({ joined: true });
    expect(view).toMatchObject({ name: "general", joined: true, unread: 1, mentions: 1, members: 2 });
  });

  it("hears who comes, who writes, who is taken out, and what is changed", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice", { links: false });
    const bob = await scope.join("bob", { links: false });
    await alice.device.conversations.createChannel({ name: "den", kind: "public" });
    await bob.device.conversations.joinChannel("#den");
    const joined = await alice.events.first("channel", ({ what }) => what === "joined");
    expect(joined).toMatchObject({ member: bob.device.member });
    await alice.device.memberOf("@bob");
    bob.device.conversations.typing("#den", true);
    expect(await alice.events.first("typing")).toMatchObject({ name: "bob", writes: true });
    await alice.device.conversations.changeChannel("#den", { topic: "quiet" });
    await bob.events.first("channel", ({ what }) => what === "changed");
    expect(await bob.device.conversations.channel("den")).toMatchObject({ topic: "quiet", joined: true });
    const people = await bob.device.conversations.channelMembers("#den");
    expect(new Map(people.map(({ name, owner }) => [name, owner]))).toEqual(
      new Map([
        ["alice", true],
        ["bob", false],
      ]),
    );
    await alice.device.conversations.kickFrom("#den", "@bob");
    await bob.events.first("channel", ({ what }) => what === "kicked");
    await expect(bob.device.conversations.say("#den", { text: "still here?" })).rejects.toMatchObject({
      code: "not_in_channel",
    });
    expect(await bob.device.conversations.channels({ joined: true })).toEqual([]);
  });

  it("says which posts were trimmed while a device was away, and goes on after them", async () => {
    await using scope = await MeshScope.start({ registry: { bounds: { trimEveryPosts: 5 } } });
    const alice = await scope.join("alice", { links: false });
    const kept = { archive: openMemoryArchive(), journal: openMemoryJournal() };
    const bob = await scope.join("bob", { links: false, ...kept });
    await alice.device.conversations.createChannel({ name: "short", kind: "public", retention: { posts: 10 } });
    await bob.device.conversations.joinChannel("#short");
    await alice.device.conversations.say("#short", { text: "seen" });
    await until(async () => (await said(bob.device, "#short")).length === 1);
    await bob.device.stop();
    const count = 40;
    for (let number = 0; number < count; number++)
      await (
        await alice.device.conversations.say("#short", { text: `post ${number}` })
      ).settled;
    const again = await scope.restart(bob.joined, { links: false, ...kept });
    const gap = await again.events.first("channel-gap");
    expect(gap).toMatchObject({ reason: "trimmed" });
    await until(async () => textsOf(await said(again.device, "#short")).at(-1) === `post ${count - 1}`);
    const here = await said(again.device, "#short");
    expect(textsOf(here)[0]).toBe("seen");
    expect(here[1]?.sort).toBe(gap.to + 1);
    expect(here.length).toBeLessThan(count);
  });
});

describe("a device that ends in the middle of posting", () => {
  it("posts everything that it accepted once, after its next start", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice", { links: false });
    const dir = await scope.folder();
    const first = { archive: openSqliteArchive(path.join(dir, "archive.db")), journal: openSqliteJournal({ dir }) };
    const bob = await scope.join("bob", { links: false, ...first });
    await alice.device.conversations.joinChannel("#general");
    await bob.device.conversations.joinChannel("#general");
    const accepted: string[] = [];
    const posting = (async () => {
      for (let number = 0; number < 400; number++)
        accepted.push((await bob.device.conversations.say("#general", { text: `post ${number}` })).id);
    })().catch(() => undefined);
    await until(async () => (await said(alice.device, "#general")).length > 20);
    // From here on nothing more gets onto its disk, as when its process is killed.
    await Promise.all([first.journal.close(), first.archive.close()]);
    await posting;
    expect(accepted.length).toBeLessThan(400);
    await bob.device.stop();
    const second = { archive: openSqliteArchive(path.join(dir, "archive.db")), journal: openSqliteJournal({ dir }) };
    const again = await scope.restart(bob.joined, { links: false, ...second });
    await until(async () => (await said(again.device, "#general")).length >= accepted.length);
    await until(async () => (await said(alice.device, "#general")).length >= accepted.length);
    const ids = (await said(alice.device, "#general")).map(({ id }) => id);
    expect(ids.slice(0, accepted.length)).toEqual(accepted);
    expect(new Set(ids).size).toBe(ids.length);
    await until(async () => (await second.journal.load()).outbox.length === 0);
    expect((await said(again.device, "#general")).map(({ id }) => id)).toEqual(ids);
    await again.device.stop();
    await Promise.all([second.journal.close(), second.archive.close()]);
  });
});

describe("a post that ended without success", () => {
  it("is found among what was sent, and is posted again on demand, as a new one", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice", { links: false });
    const kept = { archive: openMemoryArchive(), journal: openMemoryJournal() };
    const bob = await scope.join("bob", { links: false, ...kept });
    await alice.device.conversations.createChannel({ name: "den", kind: "public" });
    for (const channel of ["#den", "#general"]) await bob.device.conversations.joinChannel(channel);
    await scope.mesh.stopRegistry();
    await bob.device.conversations.say("#general", { text: "in time" });
    await bob.device.conversations.say("#den", { text: "too late" });
    await bob.device.stop();
    await scope.startRegistry();
    await until(() => alice.device.state === "connected");
    await alice.device.conversations.kickFrom("#den", "@bob");
    const again = await scope.restart(bob.joined, { links: false, ...kept });
    const { delivery } = await again.events.first("delivery", (event) => event.delivery.state === "refused");
    expect(delivery.error).toMatchObject({ code: "not_in_channel" });
    await until(async () => (await again.device.deliveries({ states: ["refused"] })).records.length === 1);
    const [failed] = (await again.device.deliveries({ states: ["refused"] })).records;
    expect(failed).toMatchObject({ direction: "out", member: `#${await idOf(alice.device, "den")}`, text: "too late" });
    const id = failed?.id ?? "";
    expect((await again.device.deliveries({ id })).records).toHaveLength(1);
    await expect(again.device.redeliver(id)).rejects.toMatchObject({ code: "not_in_channel" });
    await again.device.conversations.joinChannel("#den");
    const posted = await again.device.redeliver(id);
    await until(async () => (await said(alice.device, "#den")).some((message) => message.id === posted));
    expect(textsOf(await said(alice.device, "#den"))).toEqual(["too late"]);
    await until(async () => textsOf(await said(again.device, "#general")).includes("in time"));
    const all = (await again.device.deliveries({ direction: "out" })).records;
    expect(new Set(all.map((record) => record.id)).size).toBe(all.length);
    expect(all.find(({ id: other }) => other === id)?.name).toBe("#den");
  });
});

describe("a registry that is killed in a busy channel", () => {
  it("leaves every member with the same history, without gap or duplicate, and loses nothing that was accepted", async () => {
    await using mesh = await ProcessMesh.start();
    const names = ["ada", "ben", "cem", "dia", "eli"];
    const members = await Promise.all(names.map((name) => mesh.join(name, false)));
    for (const { device } of members) await device.conversations.joinChannel("#general");
    const perMember = 60;
    const posting = members.map(async ({ device }, index) => {
      const ids: string[] = [];
      for (let number = 0; number < perMember; number++)
        ids.push((await device.conversations.say("#general", { text: `${names[index]} ${number}` })).id);
      return ids;
    });
    const [one] = members;
    if (one === undefined) throw new Error("nobody");
    await until(async () => (await said(one.device, "#general")).length > perMember / 2);
    await mesh.kill();
    const ids = (await Promise.all(posting)).flat();
    await mesh.restart();
    const total = names.length * perMember;
    const histories: string[][] = [];
    for (const { device, events } of members) {
      await until(async () => (await said(device, "#general")).length >= total);
      histories.push((await said(device, "#general")).map(({ id }) => id));
      expect(events.seen.filter(({ type }) => type === "channel-gap")).toEqual([]);
      expect(events.refusals).toEqual([]);
    }
    const [history = []] = histories;
    expect([...history].sort()).toEqual([...ids].sort());
    for (const other of histories) expect(other).toEqual(history);
    for (const name of names) {
      const texts = textsOf(await said(one.device, "#general")).filter((text) => text?.startsWith(name) === true);
      expect(texts).toEqual(Array.from({ length: perMember }, (_, number) => `${name} ${number}`));
    }
  });
});
