import type { Device } from "@parley/client";
import type { ArchivedMessage } from "@parley/core";
import { textContent } from "@parley/protocol";
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
