import type { Device } from "@parley/client";
import { openMemoryArchive } from "@parley/core";
import { MlsGroups } from "@parley/mls";
import { textContent } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

const encrypted = { groups: (options: ConstructorParameters<typeof MlsGroups>[0]) => new MlsGroups(options) };

async function textsIn(device: Device, channel: string): Promise<readonly (string | undefined)[]> {
  const { messages } = await device.conversations.messages({ conversation: channel, limit: 200 });
  return messages.map(({ content, unreadable }) => unreadable ?? textContent(content)?.text);
}

async function join(scope: MeshScope, name: string): Promise<Joined> {
  return scope.join(name, { ...encrypted, links: false, archive: openMemoryArchive() });
}

describe("an encrypted channel", () => {
  it("is read by those who were invited, and not by whom it lost", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob, eve] = [await join(scope, "ada"), await join(scope, "bob"), await join(scope, "eve")];
    await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
    await expect(bob.device.conversations.joinChannel("#secret")).rejects.toMatchObject({ code: "unknown_channel" });
    await ada.device.conversations.inviteTo("#secret", "@bob");
    await ada.device.conversations.inviteTo("#secret", "@eve");
    await bob.device.conversations.joinChannel("#secret");
    await eve.device.conversations.joinChannel("#secret");
    await (
      await ada.device.conversations.say("#secret", { text: "to all three" })
    ).settled;
    for (const { device } of [ada, bob, eve])
      await until(async () => (await textsIn(device, "#secret")).includes("to all three"));
    await (
      await bob.device.conversations.say("#secret", { text: "from bob" })
    ).settled;
    await until(async () => (await textsIn(ada.device, "#secret")).includes("from bob"));
    await ada.device.conversations.kickFrom("#secret", "@eve");
    await (
      await ada.device.conversations.say("#secret", { text: "without eve" })
    ).settled;
    await until(async () => (await textsIn(bob.device, "#secret")).includes("without eve"));
    await (
      await bob.device.conversations.say("#secret", { text: "nor here" })
    ).settled;
    await until(async () => (await textsIn(ada.device, "#secret")).includes("nor here"));
    const [channel] = (await eve.device.conversations.conversations()).filter(({ conversation }) =>
      conversation.startsWith("#"),
    );
    const kept = await eve.device.conversations.messages({ conversation: channel?.conversation ?? "", limit: 200 });
    expect(kept.messages.map(({ content }) => textContent(content)?.text)).toEqual(["to all three", "from bob"]);
    await expect(eve.device.conversations.joinChannel("#secret")).rejects.toMatchObject({ code: "unknown_channel" });
  });

  it("goes on after a restart, without reading anything twice or losing what came meanwhile", async () => {
    await using scope = await MeshScope.start();
    const archive = openMemoryArchive();
    const ada = await join(scope, "ada");
    const bob = await scope.join("bob", { ...encrypted, links: false, archive });
    await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
    await ada.device.conversations.inviteTo("#secret", "@bob");
    await bob.device.conversations.joinChannel("#secret");
    await (
      await ada.device.conversations.say("#secret", { text: "one" })
    ).settled;
    await until(async () => (await textsIn(bob.device, "#secret")).includes("one"));
    await bob.device.stop();
    await (
      await ada.device.conversations.say("#secret", { text: "two" })
    ).settled;
    const again = await scope.restart(bob.joined, { ...encrypted, links: false, archive, journal: bob.journal });
    await until(async () => (await textsIn(again.device, "#secret")).includes("two"));
    await (
      await again.device.conversations.say("#secret", { text: "three" })
    ).settled;
    await until(async () => (await textsIn(ada.device, "#secret")).includes("three"));
    expect(await textsIn(again.device, "#secret")).toEqual(["one", "two", "three"]);
    expect(await textsIn(ada.device, "#secret")).toEqual(["one", "two", "three"]);
  });

  it("is the same for those who slept while others came and went", { timeout: 180_000 }, async () => {
    await using scope = await MeshScope.start();
    const owner = await join(scope, "owner");
    await owner.device.conversations.createChannel({ name: "secret", kind: "invite" });
    const archives = Array.from({ length: 6 }, () => openMemoryArchive());
    const members: Joined[] = [];
    for (const [index, archive] of archives.entries()) {
      const member = await scope.join(`member-${index}`, { ...encrypted, links: false, archive });
      await owner.device.conversations.inviteTo("#secret", `@member-${index}`);
      await member.device.conversations.joinChannel("#secret");
      members.push(member);
    }
    const awake = [owner, ...members.slice(3)];
    const asleep = members.slice(0, 3);
    await Promise.all(asleep.map(({ device }) => device.stop()));
    const said: string[] = [];
    for (let round = 0; round < 5; round++) {
      const guest = await join(scope, `guest-${round}`);
      await owner.device.conversations.inviteTo("#secret", `@guest-${round}`);
      await guest.device.conversations.joinChannel("#secret");
      for (const { device } of [guest, ...awake]) {
        const text = `${device.name} in round ${round}`;
        await (
          await device.conversations.say("#secret", { text })
        ).settled;
        said.push(text);
      }
      await owner.device.conversations.kickFrom("#secret", `@guest-${round}`);
    }
    const woken = await Promise.all(
      asleep.map(({ joined, journal }, index) => {
        const archive = archives[index];
        return scope.restart(joined, { ...encrypted, links: false, journal, ...(archive && { archive }) });
      }),
    );
    for (const { device } of woken) {
      const text = `${device.name} is awake`;
      await (
        await device.conversations.say("#secret", { text })
      ).settled;
      said.push(text);
    }
    for (const { device } of [...awake, ...woken]) {
      await until(async () => (await textsIn(device, "#secret")).length === said.length);
      expect(await textsIn(device, "#secret")).toEqual(said);
    }
  });
});
