import type { Device } from "@parley/client";
import { type Archive, type Journal, openMemoryArchive, openMemoryJournal } from "@parley/core";
import { MlsGroups } from "@parley/mls";
import { ParleyError, textContent } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { at } from "../../packages/mls/test/at.ts";
import { type Joined, MeshScope, until } from "./device-fixture.ts";

const size = 50;
const sleepers = 20;
const epochs = 30;
/** 65 devices in one process, each of which processes every commit while it is awake. */
const limitMs = 240_000;

const encrypted = { groups: (options: ConstructorParameters<typeof MlsGroups>[0]) => new MlsGroups(options) };

async function textsIn(device: Device, channel: string): Promise<readonly (string | undefined)[]> {
  const { messages } = await device.conversations.messages({ conversation: channel, limit: 200 });
  return messages.map(({ content, unreadable }) => unreadable ?? textContent(content)?.text);
}

/** What a device that is cut off now finds at its next start, of one encrypted channel. */
async function copyOf({ journal, device }: Joined): Promise<Journal> {
  const { channel } = await device.conversations.channel("#secret");
  const copy = openMemoryJournal();
  for (const entry of (await journal.load()).outbox) await copy.appendOutbox(entry);
  const group = ["base/0", "base/1", "ratchets", "facts"].map((part) => `group/${channel}/${part}`);
  for (const key of [...group, ...Array.from({ length: 16 }, (_, shard) => `channels/${shard}`)])
    await copy.putState(key, await journal.getState(key));
  return copy;
}

/** An archive that refuses, or does not answer, what changes it. */
class FailingArchive {
  mode: "work" | "fail" | "hang" = "work";
  failed = 0;
  readonly #hung: PromiseWithResolvers<void>[] = [];
  readonly archive: Archive;

  constructor(inner: Archive) {
    const apply: Archive["apply"] = (changes) => {
      if (this.mode === "work" || !changes.some(({ type }) => type === "message")) return inner.apply(changes);
      if (this.mode === "hang") {
        const waiting = Promise.withResolvers<void>();
        this.#hung.push(waiting);
        return waiting.promise;
      }
      this.failed++;
      return Promise.reject(new ParleyError("storage_unavailable"));
    };
    this.archive = new Proxy(inner, {
      get: (target, name) => {
        if (name === "apply") return apply;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  get hung(): number {
    return this.#hung.length;
  }

  /** What hangs is refused. */
  end(): void {
    this.mode = "fail";
    for (const each of this.#hung) each.reject(new ParleyError("storage_unavailable"));
  }
}

async function join(scope: MeshScope, name: string): Promise<Joined> {
  return scope.join(name, { ...encrypted, links: false, archive: openMemoryArchive() });
}

/** Two in the encrypted channel #secret, which the first one made. */
async function adaAndBob(scope: MeshScope, archive: Archive): Promise<{ readonly ada: Joined; readonly bob: Joined }> {
  const ada = await join(scope, "ada");
  const bob = await scope.join("bob", { ...encrypted, links: false, archive });
  await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
  await ada.device.conversations.inviteTo("#secret", "@bob");
  await bob.device.conversations.joinChannel("#secret");
  return { ada, bob };
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
    const { ada, bob } = await adaAndBob(scope, archive);
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

  it("is read also where the archive failed, or the device ended, before what was opened was kept", async () => {
    await using scope = await MeshScope.start();
    const archive = openMemoryArchive();
    const failing = new FailingArchive(archive);
    const { ada, bob } = await adaAndBob(scope, failing.archive);
    failing.mode = "fail";
    await (
      await ada.device.conversations.say("#secret", { text: "one" })
    ).settled;
    await until(() => failing.failed > 0);
    failing.mode = "work";
    await until(async () => (await textsIn(bob.device, "#secret")).length === 1);
    expect(await textsIn(bob.device, "#secret")).toEqual(["one"]);
    failing.mode = "hang";
    await (
      await ada.device.conversations.say("#secret", { text: "two" })
    ).settled;
    await until(() => failing.hung > 0);
    await (
      await bob.device.conversations.say("#secret", { text: "three" })
    ).settled;
    const journal = await copyOf(bob);
    const again = await scope.restart(bob.joined, { ...encrypted, links: false, archive, journal });
    await until(async () => (await textsIn(again.device, "#secret")).length === 3);
    expect(await textsIn(again.device, "#secret")).toEqual(["one", "two", "three"]);
    failing.end();
  });

  it("goes on when whoever invited a newcomer is gone before it comes, and lets it in by a new invitation", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob, cleo] = [await join(scope, "ada"), await join(scope, "bob"), await join(scope, "cleo")];
    await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
    await ada.device.conversations.inviteTo("#secret", "@bob");
    await bob.device.conversations.joinChannel("#secret");
    await bob.device.conversations.inviteTo("#secret", "@cleo");
    await bob.device.conversations.leaveChannel("#secret");
    await (
      await ada.device.conversations.say("#secret", { text: "without bob" })
    ).settled;
    await cleo.device.conversations.joinChannel("#secret");
    const sent = await ada.device.conversations.say("#secret", { text: "without cleo" });
    expect((await sent.settled).state).toBe("stored");
    await until(async () => (await textsIn(cleo.device, "#secret")).includes("no-group"));
    await until(async () => {
      const { state, error } = await (await cleo.device.conversations.say("#secret", { text: "let me in" })).settled;
      return state === "refused" && error?.code === "not_invited";
    });
    await ada.device.conversations.inviteTo("#secret", "@cleo");
    await until(async () => {
      await (
        await ada.device.conversations.say("#secret", { text: "with cleo" })
      ).settled;
      return (await textsIn(cleo.device, "#secret")).includes("with cleo");
    });
    expect(await textsIn(cleo.device, "#secret")).not.toContain("without cleo");
  });

  it("is made anew by whoever was invited when nobody is left in its group", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await join(scope, "ada"), await join(scope, "bob")];
    await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
    await ada.device.conversations.inviteTo("#secret", "@bob");
    await ada.device.conversations.leaveChannel("#secret");
    await bob.device.conversations.joinChannel("#secret");
    const sent = await bob.device.conversations.say("#secret", { text: "alone" });
    expect((await sent.settled).state).toBe("stored");
  });

  it("lets whoever was just taken out back in by a new invitation, at once", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await join(scope, "ada"), await join(scope, "eve")];
    await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
    await ada.device.conversations.inviteTo("#secret", "@eve");
    await eve.device.conversations.joinChannel("#secret");
    await ada.device.conversations.kickFrom("#secret", "@eve");
    await ada.device.conversations.inviteTo("#secret", "@eve");
    await eve.device.conversations.joinChannel("#secret");
    await (
      await ada.device.conversations.say("#secret", { text: "welcome back" })
    ).settled;
    await until(async () => (await textsIn(eve.device, "#secret")).includes("welcome back"));
  });

  it("is read by those who slept while somebody came in who was revoked since", { timeout: 60_000 }, async () => {
    await using scope = await MeshScope.start();
    const archive = openMemoryArchive();
    const { ada, bob } = await adaAndBob(scope, archive);
    await bob.device.stop();
    const eve = await join(scope, "eve");
    await ada.device.conversations.inviteTo("#secret", "@eve");
    await eve.device.conversations.joinChannel("#secret");
    for (const { device } of [ada, eve])
      await (
        await device.conversations.say("#secret", { text: `from ${device.name}` })
      ).settled;
    await scope.mesh.revoke("eve");
    await (
      await ada.device.conversations.say("#secret", { text: "without eve" })
    ).settled;
    const again = await scope.restart(bob.joined, { ...encrypted, links: false, archive, journal: bob.journal });
    const sent = await again.device.conversations.say("#secret", { text: "awake" });
    expect((await sent.settled).state).toBe("stored");
    await until(async () => (await textsIn(ada.device, "#secret")).includes("awake"));
    const texts = await textsIn(again.device, "#secret");
    for (const text of ["from ada", "without eve", "awake"]) expect(texts).toContain(text);
  });

  it(
    "is the same for 20 of 50 who slept through 30 epochs, and nothing to those it lost",
    {
      timeout: limitMs,
    },
    async () => {
      await using scope = await MeshScope.start();
      const owner = await join(scope, "owner");
      await owner.device.conversations.createChannel({ name: "secret", kind: "invite" });
      const letIn = async (name: string, archive = openMemoryArchive()): Promise<Joined> => {
        const member = await scope.join(name, { ...encrypted, links: false, archive });
        await owner.device.conversations.inviteTo("#secret", `@${name}`);
        await member.device.conversations.joinChannel("#secret");
        return member;
      };
      const archives = Array.from({ length: sleepers }, () => openMemoryArchive());
      const asleep: Joined[] = [];
      for (const [index, archive] of archives.entries()) asleep.push(await letIn(`sleeper-${index}`, archive));
      const awake = [owner];
      while (awake.length < size - sleepers) awake.push(await letIn(`member-${awake.length}`));
      await Promise.all(asleep.map(({ device }) => device.stop()));

      const said: string[] = [];
      const say = async (device: Device, text: string): Promise<void> => {
        await (
          await device.conversations.say("#secret", { text })
        ).settled;
        said.push(text);
      };
      const guests: Joined[] = [];
      // A guest's coming is one epoch, and its removal another.
      for (let round = 0; round < epochs / 2; round++) {
        const guest = await letIn(`guest-${round}`);
        await say(guest.device, `guest ${round}`);
        await say(at(awake, round).device, `member in round ${round}`);
        await owner.device.conversations.kickFrom("#secret", `@guest-${round}`);
        guests.push(guest);
        await say(at(awake, round + 1).device, `without guest ${round}`);
      }
      const woken = await Promise.all(
        asleep.map(({ joined, journal }, index) =>
          scope.restart(joined, { ...encrypted, links: false, journal, archive: at(archives, index) }),
        ),
      );
      for (const { device } of woken) await say(device, `${device.name} is awake`);
      for (const { device } of [...awake, ...woken]) {
        await until(async () => (await textsIn(device, "#secret")).length >= said.length);
        expect(await textsIn(device, "#secret")).toEqual(said);
      }
      for (const [round, { device }] of guests.entries()) {
        const [channel] = (await device.conversations.conversations()).filter(({ conversation: id }) => id[0] === "#");
        const read = await textsIn(device, channel?.conversation ?? "");
        expect(read).toContain(`guest ${round}`);
        expect(read).not.toContain(`without guest ${round}`);
      }
    },
  );
});
