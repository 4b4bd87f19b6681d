import type { Device } from "@parley/client";
import { describe, expect, it } from "vitest";

import { Messages, MeshScope, numbered, until } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";

/** Texts of everything that a device has of a sender, its history included. */
async function allTexts(device: Device): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = await device.deliveries({ after, direction: "in" });
    texts.push(...page.records.map(({ text }) => text ?? ""));
    after = page.next;
  }
  return texts;
}

describe("a mailbox belongs to the member", () => {
  it("whose later device finds what waited while her only other one went", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await scope.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada, { label: "phone" });
    const bob = await scope.join("bob");
    const atDesk = new Messages(ada.device);
    await phone.device.stop();
    const before = numbered("before", 20);
    for (const text of before) await bob.device.send("@ada", text);
    await atDesk.count(20);
    await mesh.devicesOf(ada).remove("phone");
    // Nobody waits for the phone any more.
    await until(async () => (await bob.journal.load()).outbox.length === 0);
    await ada.device.stop();
    await scope.gone("ada");
    const between = numbered("between", 20);
    for (const text of between) await bob.device.send("@ada", text);

    const desk = await scope.restart({ ...ada.joined, identity: mesh.identityOf(ada) }, { journal: ada.journal });
    const links = scope.control();
    const tablet = await mesh.addDevice(desk, { label: "tablet", links: { factory: links } });
    const later = numbered("later", 20);
    for (const text of later) await bob.device.send("@ada", text);
    const atTablet = new Messages(tablet.device);
    await until(async () => (await allTexts(tablet.device)).length >= 60);
    // From the mailbox or from her desk, each once.
    expect((await allTexts(tablet.device)).toSorted()).toEqual([...before, ...between, ...later].toSorted());
    expect(atTablet.texts.slice(-20)).toEqual(later);
    const again = new Messages(desk.device);
    await again.count(40);
    expect(again.texts).toEqual([...between, ...later]);
    await until(async () => (await bob.journal.load()).outbox.length === 0);
  });

  it("and is kept while none of her devices runs and the registry starts anew", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await scope.join("ada", { kind: "person", links: false });
    const phone = await mesh.addDevice(ada, { label: "phone" });
    const bob = await scope.join("bob", { links: false });
    await phone.device.stop();
    await ada.device.stop();
    await scope.gone("ada");
    const texts = numbered("m", 30);
    for (const text of texts) await bob.device.send("@ada", text);
    await bob.device.stop();
    await mesh.stopRegistry();
    await scope.startRegistry();
    const desk = await scope.restart(ada.joined, { journal: ada.journal, links: false });
    await mesh.devicesOf(desk).remove("phone");
    const tablet = await mesh.addDevice(desk, { label: "tablet" });
    const atDesk = new Messages(desk.device);
    await atDesk.count(30);
    expect(atDesk.texts).toEqual(texts);
    // What the desk had taken before the tablet was listed does not wait any more.
    const atTablet = new Messages(tablet.device);
    const more = await scope.restart(bob.joined, { journal: bob.journal, links: false });
    await more.device.send("@ada", "last");
    await until(() => atTablet.texts.at(-1) === "last");
    expect([...texts, "last"].slice(-atTablet.texts.length)).toEqual(atTablet.texts);
  });
});

describe("a registry that withholds a member's new device", () => {
  it("keeps no message from it that goes through the mailbox", async () => {
    await using scene = await hostileScene();
    const { alice, proxy, entry, scope } = scene;
    const ada = await scope.join("ada", { kind: "person", links: false });
    const old = await entry(ada);
    expect((await alice.memberOf("@ada")).verified.numbers.devices).toBe(1);
    proxy.push = (type) => type !== "member.changed";
    proxy.replies["directory.get"] = (body, asked) =>
      asked["name"] === "ada" || asked["member"] === ada.device.member ? old : body;
    const phone = await scope.mesh.addDevice(ada);
    const inboxes = [new Messages(ada.device), new Messages(phone.device)];
    const texts = numbered("m", 20);
    for (const text of texts) await alice.send("@ada", text);
    for (const inbox of inboxes) {
      await inbox.count(20);
      expect(inbox.texts).toEqual(texts);
    }
    expect((await alice.memberOf("@ada")).verified.numbers.devices).toBe(1);
  });
});
