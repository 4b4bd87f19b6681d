import { enrolDevice, type TaskRun } from "@parley/client";
import { openMemoryJournal } from "@parley/core";
import { limits, parseInviteLink } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it, vi } from "vitest";

import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { Events, type Joined, MeshScope, Messages, numbered, until } from "./device-fixture.ts";
import { JumpingClock } from "./jumping-clock.ts";

/** One more device of a member, with links of its own. */
async function another(scope: MeshScope, member: TestMember): Promise<Joined> {
  const links = scope.control();
  const added = await scope.mesh.addDevice(member, { links: { factory: links } });
  return { ...added, links, events: new Events(added.device) };
}

describe("a person with two devices", () => {
  it("has every message on both, whichever of them has a link", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await another(scope, ada);
    const bob = await scope.join("bob");
    const [atDesk, atPhone] = [new Messages(ada.device), new Messages(phone.device)];
    const texts = numbered("m", 200);
    for (const text of texts.slice(0, 50)) await bob.device.send("@ada", text);
    await until(() => bob.device.links().length === 2);
    for (const text of texts.slice(50, 100)) await bob.device.send("@ada", text);
    phone.links.cut();
    for (const text of texts.slice(100)) await bob.device.send("@ada", text);
    await Promise.all([atDesk.count(200), atPhone.count(200)]);
    expect(atDesk.texts).toEqual(texts);
    expect(atPhone.texts).toEqual(texts);
    await until(async () => (await bob.journal.load()).outbox.length === 0);
  });

  it("finds on the second what the first one took while the second was away", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await another(scope, ada);
    const bob = await scope.join("bob");
    await bob.device.connect("@ada");
    await phone.device.stop();
    const atDesk = new Messages(ada.device);
    const texts = numbered("m", 20);
    for (const text of texts) expect((await (await bob.device.send("@ada", text)).settled).state).toBe("delivered");
    await atDesk.count(20);
    await until(async () => (await bob.journal.load()).outbox.length === 0);
    await bob.device.stop();
    await ada.device.stop();
    const again = await scope.restart(
      { ...phone.joined, identity: scope.mesh.identityOf(phone) },
      { journal: phone.journal },
    );
    const atPhone = new Messages(again.device);
    await atPhone.count(20);
    expect(atPhone.texts).toEqual(texts);
    expect(again.events.seen.filter(({ type }) => type === "gap")).toEqual([]);
  });

  it("names the device that committed a message first, and vouches for what became of it", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const bob = await scope.join("bob");
    const desk = new Messages(ada.device);
    const sent = await bob.device.send("@ada", "hello");
    expect(await sent.reaches("handled")).toMatchObject({ state: "handled", device: ada.device.device });
    expect(desk.texts).toEqual(["hello"]);
    await until(async () => (await bob.journal.deliveries({ id: sent.id })).records[0]?.receipts.size === 2);
    const [record] = (await bob.journal.deliveries({ id: sent.id })).records;
    expect(record?.facts.map(({ state }) => state)).toEqual(
      expect.arrayContaining(["accepted", "delivered", "handled"]),
    );
    expect(record?.pending).toBe(false);
  });
});

describe("an agent with three instances", () => {
  it("handles each message once, though instances come and go", async () => {
    await using scope = await MeshScope.start();
    const first = await scope.join("worker");
    const instances = [first, await another(scope, first), await another(scope, first)];
    const bob = await scope.join("bob");
    const handled: { text: string; redelivered: boolean }[] = [];
    for (const { device } of instances)
      device.onMessage(({ text, redelivered }) => void handled.push({ text, redelivered }));
    const texts = numbered("m", 300);
    for (const [index, text] of texts.entries()) {
      await bob.device.send("@worker", text);
      if (index === 100) await instances[0]?.device.stop();
      if (index === 200) await instances[1]?.device.stop();
    }
    const last = await bob.device.send("@worker", "last");
    expect((await last.settled).state).toBe("delivered");
    await until(() => new Set(handled.map(({ text }) => text)).size === 301);
    const again = handled.filter(({ text }, index) => handled.findIndex((other) => other.text === text) < index);
    expect(again.every(({ redelivered }) => redelivered)).toBe(true);
    expect(again.length).toBeLessThan(10);
  });
});

describe("an instance that stood still until its lease was over", () => {
  it("flags what it had taken before and hands out after", async () => {
    await using scope = await MeshScope.start();
    const moves = { wall: 0, monotonic: 0 };
    const first = await scope.join("worker", { clock: new JumpingClock(() => moves) });
    await another(scope, first);
    const bob = await scope.join("bob");
    const handling = Promise.withResolvers<void>();
    const messages = new Messages(first.device, () => handling.promise);
    await until(async () => (await bob.device.memberOf("@worker")).devices.some(({ inbox }) => inbox !== undefined));
    for (const text of ["one", "two"]) await (await bob.device.send("@worker", text)).settled;
    await messages.count(1);
    moves.monotonic += limits.inboxLeaseMs;
    handling.resolve();
    expect((await messages.count(2)).map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ["one", false],
      ["two", true],
    ]);
  });
});

describe("tasks for an agent with three instances", () => {
  it("go to all of them in equal parts when they are delegated at once, and to the idle ones afterwards", async () => {
    await using scope = await MeshScope.start();
    const first = await scope.join("worker");
    const instances = [first, await another(scope, first), await another(scope, first)];
    const bob = await scope.join("bob");
    const release = Promise.withResolvers<void>();
    const begun = instances.map(() => 0);
    for (const [index, { device }] of instances.entries())
      device.serve(async ({ signal }) => {
        begun[index] = (begun[index] ?? 0) + 1;
        await Promise.race([release.promise, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
        return {};
      });
    await first.device.publishCard(testCard(first.device, [{ id: "wait" }]));
    await until(async () => (await bob.device.memberOf("@worker")).card !== undefined);
    const delegate = (count: number): Promise<TaskRun[]> =>
      Promise.all(Array.from({ length: count }, () => bob.device.delegate("@worker", { skill: "wait", input: {} })));
    const runs = await delegate(30);
    await until(() => begun.every((count) => count === 10));
    const [busy] = runs;
    for (const run of runs) if (run.to.device !== busy?.to.device) run.cancel();
    // Presence comes late, from each instance at its own time.
    await until(async () =>
      (await bob.device.memberOf("@worker")).devices.every(
        ({ device, load }) => load === (device === busy?.to.device ? 10 : 0),
      ),
    );
    const later = await delegate(8);
    const counts = instances.map(({ device }) => later.filter(({ to }) => to.device === device.device).length);
    expect(counts.toSorted((one, other) => one - other)).toEqual([0, 4, 4]);
    release.resolve();
    for (const { outcome } of later) await outcome;
  });
});

describe("messages under a rule of paths", () => {
  it("wait for the only path that they may take, and let others pass", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    const messages = new Messages(bob.device);
    const direct = await alice.device.send("@bob", "only direct", { paths: ["direct"] });
    const relayed = await alice.device.send("@bob", "only relay", { paths: ["relay"] });
    const any = await alice.device.send("@bob", "any");
    expect(await relayed.settled).toMatchObject({ state: "delivered", path: "relay" });
    expect((await any.settled).state).toBe("delivered");
    expect(direct.state().state).toBe("accepted");
    await messages.count(2);
    expect(messages.texts.toSorted()).toEqual(["any", "only relay"]);
    await bob.device.stop();
    const journal = openMemoryJournal();
    const linked = await scope.restart(bob.joined, { journal });
    const later = new Messages(linked.device);
    expect(await direct.settled).toMatchObject({ state: "delivered", path: "direct", reason: "direct-link" });
    expect(later.texts).toEqual(["only direct"]);
  });
});

describe("history", () => {
  it("comes to a new device of a person over a link, once, with all that is known of each message", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const bob = await scope.join("bob");
    const atDesk = new Messages(ada.device);
    const toBob = new Messages(bob.device);
    const texts = numbered("before", 120).map((text) => text.padEnd(2000, "."));
    for (const text of texts) await bob.device.send("@ada", text);
    await atDesk.count(120);
    const mine = await ada.device.send("@bob", "mine");
    await mine.reaches("handled");
    await toBob.count(1);
    await until(async () => (await ada.device.deliveries({ states: ["handled"] })).records.length >= 100);
    const phone = await another(scope, ada);
    await phone.events.first("history", ({ done }) => done);
    const all: string[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await phone.device.deliveries({ after });
      all.push(...page.records.map(({ text }) => text ?? ""));
      after = page.next;
    }
    expect(all).toEqual([...texts, "mine"]);
    const [sent] = (await phone.device.deliveries({ id: mine.id })).records;
    expect(sent).toMatchObject({ direction: "out", state: "handled", pending: false });
    const heard = phone.events.seen.length;
    phone.links.cut();
    await scope.mesh.stopRegistry();
    await scope.startRegistry();
    await phone.events.session("connected", heard);
    expect(phone.events.seen.slice(heard).filter(({ type }) => type === "history")).toEqual([]);
  });

  it("does not stand in for the messages that it tells of: a new device handles each of them itself", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { kind: "person" });
    const bob = await scope.join("bob");
    const atDesk = new Messages(ada.device);
    await bob.device.connect("@ada");
    const invite = await scope.mesh.devicesOf(ada).invite();
    const [enrolled] = await Promise.all([
      enrolDevice(parseInviteLink(invite.text), { label: "phone", extractable: true }),
      invite.enrolled(),
    ]);
    await until(async () => (await bob.device.memberOf("@ada")).verified.devices.size === 2);
    await scope.mesh.stopRegistry();
    const texts = numbered("m", 20);
    for (const text of texts) await bob.device.send("@ada", text);
    await atDesk.count(20);
    await until(async () => (await ada.device.deliveries({ states: ["handled"] })).records.length === 20);
    // The phone had none of them, and nobody keeps them for it yet.
    expect((await bob.journal.load()).outbox).toHaveLength(20);
    await scope.startRegistry();
    await until(async () => (await bob.journal.load()).outbox.length === 0);
    await bob.device.stop();

    const journal = openMemoryJournal();
    const commit = journal.commitInbox.bind(journal);
    const told = Promise.withResolvers<void>();
    vi.spyOn(journal, "commitInbox").mockImplementation(async (...args) => {
      await told.promise;
      return commit(...args);
    });
    const phone = await scope.restart(enrolled, { journal });
    const atPhone = new Messages(phone.device);
    await phone.events.first("history", ({ done }) => done);
    const history = (await phone.device.deliveries()).records;
    expect(history.map(({ text, state }) => `${text} ${state}`)).toEqual(texts.map((text) => `${text} handled`));
    expect(atPhone.texts).toEqual([]);
    told.resolve();
    await atPhone.count(20);
    await until(async () => (await journal.pendingInbox()).length === 0);
    expect(atPhone.texts).toEqual(texts);
    const own = (await phone.device.deliveries()).records;
    expect(own.map(({ text, state }) => `${text} ${state}`)).toEqual(texts.map((text) => `${text} handled`));
    expect(own.every(({ facts }) => facts[0]?.path === "mailbox")).toBe(true);
  });
});
