import { enrolDevice } from "@parley/client";
import { peekStatement } from "@parley/core";
import { limits, parseInviteLink } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Events, Messages, MeshScope, until } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";
import { MovedClock } from "./moved-clock.ts";

const currentKid = ({ devices }: { readonly devices: string }): string =>
  peekStatement("devices", devices).encryption.kid;

/** Changes the JSON that the new device sends to a route, as a registry could. */
const changing =
  (route: string, change: (body: Record<string, unknown>) => unknown): typeof fetch =>
  async (input, init) => {
    const sent = init?.body;
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (typeof sent !== "string" || !pathname.startsWith(route)) return fetch(input, init);
    return fetch(input, { ...init, body: JSON.stringify(change(JSON.parse(sent) as Record<string, unknown>)) });
  };

describe("a further device of a member", () => {
  it("is let in by a link, without an operator and without the root key, and reads what the first one reads", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada, { label: "phone" });
    const bob = await mesh.join("bob");
    expect([phone.device.member, phone.device.name]).toEqual([ada.device.member, "ada"]);
    expect(phone.device.device).not.toBe(ada.device.device);
    expect([phone.identity.root, phone.identity.kind]).toEqual([undefined, "person"]);
    const inboxes = [ada, phone].map(({ device }) => new Messages(device));
    await bob.device.send("@ada", "hello both");
    for (const inbox of inboxes) expect(await inbox.count(1)).toMatchObject([{ text: "hello both" }]);
    await phone.device.send("@bob", "from the phone");
    expect(await new Messages(bob.device).count(1)).toMatchObject([
      { text: "from the phone", from: { name: "ada", device: phone.device.device } },
    ]);
    expect(await mesh.devicesOf(phone).list()).toMatchObject([
      { label: "test", sealed: true, self: false, presence: { state: "connected" } },
      { label: "phone", sealed: true, self: true, presence: { state: "connected" } },
    ]);
  });

  it("has keys that cannot leave it, if it wants", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const { identity } = await scope.mesh.addDevice(ada, { extractable: false });
    const keys = [identity.device, identity.sealing, ...identity.encryptionKeys].map((key) => key?.privateKey);
    expect(keys.map((key) => key?.extractable)).toEqual([false, false, false]);
    await scope.mesh.devicesOf(ada).rotate();
  });

  it("may be the third instance of an agent, and goes on with the card that the first published", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const crew = await mesh.join("crew");
    const others = [await mesh.addDevice(crew), await mesh.addDevice(crew)];
    await crew.device.publishCard(testCard(crew.device, [{ id: "search" }]));
    for (const { device } of others) {
      await until(async () => (await device.memberOf("@crew")).card !== undefined);
      await device.publishCard(testCard(device, [{ id: "search" }]));
      await expect(device.publishCard(testCard(device, [{ id: "paint" }]))).rejects.toMatchObject({
        code: "forbidden",
      });
    }
    const { members } = await mesh.operator.device.find({ skill: "search" });
    expect(members[0]?.devices.map(({ state }) => state)).toEqual(["connected", "connected", "connected"]);
  });

  it("is refused by one that has no root key, and beyond the bound on devices", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada);
    await expect(mesh.devicesOf(phone).invite()).rejects.toMatchObject({ code: "forbidden" });
    await expect(mesh.devicesOf(phone).remove("test")).rejects.toMatchObject({ code: "forbidden" });
    for (let count = 2; count < limits.devices; count++) {
      const { device } = await mesh.addDevice(ada);
      await device.stop();
    }
    expect(await mesh.devicesOf(ada).list()).toHaveLength(limits.devices);
    await expect(mesh.devicesOf(ada).invite()).rejects.toMatchObject({ code: "limit_reached" });
  });
});

describe("a device link", () => {
  it("serves one device, once", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const invite = await scope.mesh.devicesOf(ada).invite({ label: "tablet" });
    const link = parseInviteLink(invite.text);
    expect(link.payload).toMatchObject({ kind: "device", label: "tablet", member: ada.device.member });
    const [joined] = await Promise.all([enrolDevice(link, { label: "tablet" }), invite.enrolled()]);
    expect(joined.identity.label).toBe("tablet");
    await expect(enrolDevice(link, { label: "thief" })).rejects.toMatchObject({ code: "expired" });
    expect(await scope.mesh.devicesOf(ada).list()).toHaveLength(2);
  });

  it("is worth nothing once its time is over", async () => {
    const clock = new MovedClock();
    await using scope = await MeshScope.start({ registry: { clock } });
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const { text } = await scope.mesh.devicesOf(ada).invite();
    clock.moved += 600_001;
    await expect(enrolDevice(parseInviteLink(text), { label: "late" })).rejects.toMatchObject({ code: "expired" });
  });

  it("is worth nothing once it was closed, and none that nobody opened is known", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const invite = await scope.mesh.devicesOf(ada).invite();
    const stop = new AbortController();
    const waiting = invite.enrolled(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "canceled" });
    const link = parseInviteLink(invite.text);
    await until(async () => {
      const asked = await ada.device.request("device.invite", { enrolment: "AAAAAAAAAAAAAAAAAAAAAA" });
      return asked.request === undefined;
    });
    await expect(enrolDevice(link, { label: "late" })).rejects.toMatchObject({ code: "expired" });
    const other = { ...link, payload: { ...link.payload, secret: "AAAAAAAAAAAAAAAAAAAAAA" } };
    await expect(enrolDevice(other, { label: "guess" })).rejects.toMatchObject({ code: "invalid_link" });
  });

  it("outlives a restart of the registry, before the request and between request and answer", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person" });
    const invite = await mesh.devicesOf(ada).invite();
    await mesh.stopRegistry();
    await scope.startRegistry();
    const enrolling = enrolDevice(parseInviteLink(invite.text), { label: "phone" });
    const session = new Events(ada.device);
    await until(() => ada.device.state === "connected");
    await until(async () => {
      const { enrolment } = invite;
      return (await ada.device.request("device.invite", { enrolment })).request !== undefined;
    });
    await mesh.stopRegistry();
    await scope.startRegistry();
    await until(() => ada.device.state === "connected");
    const [joined, enrolled] = await Promise.all([enrolling, invite.enrolled()]);
    expect(enrolled).toEqual({ device: joined.identity.device.id, label: "phone" });
    expect(session.refusals).toEqual([]);
  });

  it("lets no registry put a key of its own in the place of the new device's", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    for (const field of ["key", "seal", "label"]) {
      const invite = await scope.mesh.devicesOf(ada).invite();
      const own = field === "label" ? "mine" : ada.identity.device.publicKey;
      const swapped = changing("/enrolments", (body) => ({
        ...body,
        request: { ...(body["request"] as object), [field]: own },
      }));
      const [joined, enrolled] = await Promise.allSettled([
        enrolDevice(parseInviteLink(invite.text), { label: "phone", fetch: swapped }),
        invite.enrolled(),
      ]);
      expect(enrolled).toMatchObject({ status: "rejected", reason: { code: "bad_signature" } });
      expect(joined).toMatchObject({ status: "rejected", reason: { code: "rejected" } });
    }
    expect(await scope.mesh.devicesOf(ada).list()).toHaveLength(1);
  });

  it("lets no registry answer in the member's place", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const invite = await scope.mesh.devicesOf(ada).invite();
    const enrolling = enrolDevice(parseInviteLink(invite.text), { label: "phone" });
    enrolling.catch(() => undefined);
    await until(async () => {
      const { request } = await ada.device.request("device.invite", { enrolment: invite.enrolment });
      return request !== undefined;
    });
    await ada.device.request("device.answer", { enrolment: invite.enrolment, answer: "A".repeat(200) });
    await expect(enrolling).rejects.toMatchObject({ code: "bad_signature" });
  });

  it("cannot be found by trying: attempts are limited", async () => {
    await using scope = await MeshScope.start({ registry: { bounds: { pairingTriesPerMinute: 3 } } });
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const { text } = await scope.mesh.devicesOf(ada).invite();
    const link = parseInviteLink(text);
    const other = { ...link, payload: { ...link.payload, secret: "AAAAAAAAAAAAAAAAAAAAAA" } };
    const codes: unknown[] = [];
    for (let tries = 0; tries < 4; tries++)
      await enrolDevice(other, { label: "guess" }).catch((error: unknown) => void codes.push(error));
    const coded = (code: string) => expect.objectContaining({ code });
    expect(codes).toEqual([...Array.from({ length: 3 }, () => coded("invalid_link")), coded("rate_limited")]);
  });

  it("is bounded in number for a member, and no use to another member", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await scope.mesh.join("ada", { kind: "person" }), await scope.mesh.join("eve")];
    const first = await scope.mesh.devicesOf(ada).invite();
    await expect(eve.device.request("device.invite", { enrolment: first.enrolment })).rejects.toMatchObject({
      code: "already_exists",
    });
    await expect(eve.device.request("device.answer", { enrolment: first.enrolment })).rejects.toMatchObject({
      code: "not_found",
    });
    for (let count = 1; count < limits.enrolmentsPerMember; count++) await scope.mesh.devicesOf(ada).invite();
    await expect(scope.mesh.devicesOf(ada).invite()).rejects.toMatchObject({ code: "limit_reached" });
    await first.cancel();
    await scope.mesh.devicesOf(ada).invite();
  });
});

describe("a removed device", () => {
  it("loses its session and its links, is told why, and cannot read what is sent afterwards", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const bob = await scope.join("bob");
    const ada = await mesh.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada, { label: "phone", links: { factory: scope.control() } });
    const events = new Events(phone.device);
    await phone.device.connect("@bob");
    await bob.events.link("open");
    expect(await mesh.devicesOf(ada).remove("phone")).toMatchObject({ device: phone.device.device });
    expect(await events.session("stopped")).toMatchObject({ error: { code: "device_removed" } });
    await bob.events.link("closed");
    await until(async () => (await bob.device.memberOf("@ada")).verified.devices.size === 1);
    const { verified } = await bob.device.memberOf("@ada");
    await until(() => mesh.identityOf(ada).encryptionKeys.some(({ kid }) => kid === verified.encryption.kid));
    expect(mesh.identityOf(phone).encryptionKeys.map(({ kid }) => kid)).not.toContain(verified.encryption.kid);
    const inbox = new Messages(ada.device);
    await bob.device.send("@ada", "without the phone");
    expect(await inbox.count(1)).toMatchObject([{ text: "without the phone" }]);
    const again = await scope.opened(phone.joined);
    await expect(again.start()).rejects.toMatchObject({ code: "device_removed" });
    await again.stop();
  });

  it("loses its link also to somebody who was not told, when that one comes back", async () => {
    await using scene = await hostileScene();
    const { alice, bob, proxy, events, scope } = scene;
    const phone = await scope.mesh.addDevice(bob, { label: "phone", links: { factory: scope.control() } });
    await phone.device.connect("@alice");
    await events.first("link", ({ link }) => link.state === "open" && link.device === phone.device.device);
    proxy.push = (type) => type !== "member.changed";
    await scope.mesh.devicesOf(bob).remove("phone");
    proxy.push = () => true;
    const from = events.seen.length;
    proxy.break();
    const closed = await events.first("link", ({ link }) => link.state === "closed", from);
    expect([closed.link.device, closed.reason]).toEqual([phone.device.device, "The link was closed: unlisted."]);
    expect((await alice.memberOf("@bob")).verified.devices.size).toBe(1);
  });

  it("holds back nothing in its member's mailbox", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada, { label: "phone" });
    await phone.device.stop();
    await until(async () => (await mesh.devicesOf(ada).list()).every(({ self, presence }) => self || !presence));
    const bob = await mesh.join("bob");
    const inbox = new Messages(ada.device);
    await bob.device.send("@ada", "while the phone is away");
    await inbox.count(1);
    await mesh.devicesOf(ada).remove("phone");
    const mailbox = `mailbox/${ada.device.member}`;
    await until(async () => {
      const { first, last } = await mesh.stores.log.bounds(mailbox);
      return last === 0 || first > last;
    });
  });

  it("is found by its label or the beginning of its id, and never guessed", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.mesh.join("ada", { kind: "person" });
    const [one, two] = [
      await scope.mesh.addDevice(ada, { label: "phone" }),
      await scope.mesh.addDevice(ada, { label: "phone" }),
    ];
    const devices = scope.mesh.devicesOf(ada);
    await expect(devices.remove("phone")).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(devices.remove("tablet")).rejects.toMatchObject({ code: "not_found" });
    await expect(devices.remove("test")).rejects.toMatchObject({ code: "invalid_argument" });
    expect(await devices.remove(one.device.device.slice(0, 8))).toMatchObject({ device: one.device.device });
    expect(await devices.remove("phone")).toMatchObject({ device: two.device.device });
  });
});

describe("a new encryption key", () => {
  it("comes after a week, reaches every device and every sender, and the old one still opens what was under way", async () => {
    const clock = new MovedClock();
    await using scope = await MeshScope.start({ registry: { clock } });
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person", clock });
    const phone = await mesh.addDevice(ada, { clock });
    const bob = await mesh.join("bob", { clock });
    const before = currentKid(mesh.identityOf(phone));
    expect((await bob.device.memberOf("@ada")).verified.encryption.kid).toBe(before);
    await ada.device.stop();
    await phone.device.stop();
    await until(async () => !(await bob.device.memberOf("@ada")).live);
    await bob.device.send("@ada", "sealed to the old key", { ttlMs: limits.expiryMs });
    clock.moved += limits.encryptionKeyLifeMs;
    const back = await mesh.open(ada.joined, { clock, journal: ada.journal });
    expect(await new Messages(back.device).count(1)).toMatchObject([{ text: "sealed to the old key" }]);
    await until(() => currentKid(mesh.identityOf(back)) !== before);
    const after = currentKid(mesh.identityOf(back));
    // A week that passes at once may end bob's session; it comes back by itself.
    const seen = (): Promise<string | undefined> =>
      bob.device.memberOf("@ada").then(
        ({ verified }) => verified.encryption.kid,
        () => undefined,
      );
    await until(async () => (await seen()) === after);
    const again = await mesh.open(phone.joined, { clock, journal: phone.journal });
    const inbox = new Messages(again.device);
    await bob.device.send("@ada", "sealed to the new key");
    await inbox.count(2);
    expect(inbox.texts).toEqual(["sealed to the old key", "sealed to the new key"]);
    expect(mesh.identityOf(again).encryptionKeys.map(({ kid }) => kid)).toEqual([before, after]);
  });

  it("keeps no device from what was sealed to the keys before it: not one that slept, not a new one", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const ada = await mesh.join("ada", { kind: "person" });
    const phone = await mesh.addDevice(ada);
    const bob = await mesh.join("bob");
    await phone.device.stop();
    for (const text of ["first key", "second key", "third key"]) {
      await bob.device.send("@ada", text);
      const { kid } = (await bob.device.memberOf("@ada")).verified.encryption;
      await mesh.devicesOf(ada).rotate();
      await until(async () => (await bob.device.memberOf("@ada")).verified.encryption.kid !== kid);
    }
    const texts = ["first key", "second key", "third key"];
    const tablet = await mesh.addDevice(ada);
    const back = await mesh.open(phone.joined, { journal: phone.journal });
    for (const member of [back, tablet]) {
      const [events, inbox] = [new Events(member.device), new Messages(member.device)];
      await inbox.count(3);
      expect([inbox.texts, events.refusals]).toEqual([texts, []]);
      expect(mesh.identityOf(member).encryptionKeys).toHaveLength(4);
    }
  });

  it("waits for the device that holds the root key", async () => {
    const clock = new MovedClock();
    await using scope = await MeshScope.start({ registry: { clock } });
    const ada = await scope.mesh.join("ada", { kind: "person", clock });
    const phone = await scope.mesh.addDevice(ada, { clock });
    await ada.device.stop();
    await phone.device.stop();
    clock.moved += limits.deviceListFreshMs + 60_000;
    const back = await scope.mesh.open(phone.joined, { clock });
    const seen = await back.device.memberOf("@ada");
    expect(seen.verified.numbers.devices).toBe(2);
    expect([seen.stale, seen.devicesAt]).toEqual([true, seen.verified.devicesAt]);
    expect((await back.device.memberOf("@op")).stale).toBe(true);
  });
});

describe("a registry that withholds a newer device list", () => {
  it("is found out by the member's own word over a link", async () => {
    await using scene = await hostileScene();
    const { alice, bob, proxy, events, entry, scope } = scene;
    const old = await entry(bob);
    expect((await alice.memberOf("@bob")).verified.numbers.devices).toBe(1);
    proxy.push = (type) => type !== "member.changed";
    const ofBob = ({ name, member }: Record<string, unknown>): boolean =>
      name === "bob" || member === bob.device.member;
    proxy.replies["directory.get"] = (body, asked) => (ofBob(asked) ? old : body);
    await scope.mesh.addDevice(bob);
    expect((await alice.memberOf("@bob")).verified.numbers.devices).toBe(1);
    await alice.connect("@bob");
    await until(async () => (await alice.memberOf("@bob")).verified.numbers.devices === 2);
    proxy.break();
    await events.session("waiting");
    await events.refused("stale_statement");
    await until(() => alice.state === "connected");
  });
});
