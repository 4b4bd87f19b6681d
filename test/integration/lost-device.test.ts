import { openMemoryArchive } from "@parley/core";
import { MlsGroups } from "@parley/mls";
import { textContent } from "@parley/protocol";
import { expect, it } from "vitest";

import { Events, MeshScope, until } from "./device-fixture.ts";

const encrypted = () => ({
  groups: (options: ConstructorParameters<typeof MlsGroups>[0]) => new MlsGroups(options),
  archive: openMemoryArchive(),
});
/** What is promised where there is a connection, with as much again for a machine that is busy. */
const withinMs = 2000;

it("is dead everywhere within a second of its removal: session, links, token, groups, enrolment", async () => {
  await using scope = await MeshScope.start();
  const { mesh } = scope;
  const ada = await scope.join("ada", { kind: "person", ...encrypted(), links: false });
  const lost = await mesh.addDevice(ada, { label: "phone", links: { factory: scope.control() }, ...encrypted() });
  const bob = await scope.join("bob", encrypted());
  const events = new Events(lost.device);
  await ada.device.conversations.createChannel({ name: "secret", kind: "invite" });
  await ada.device.conversations.inviteTo("#secret", "@bob");
  await bob.device.conversations.joinChannel("#secret");
  const sayAndRead = async (text: string, readers: readonly { readonly device: typeof bob.device }[]) => {
    await (
      await bob.device.conversations.say("#secret", { text })
    ).settled;
    for (const { device } of readers)
      await until(async () => {
        const { messages } = await device.conversations.messages({ conversation: "#secret", limit: 50 });
        return messages.some(({ content }) => textContent(content)?.text === text);
      });
  };
  await until(async () => (await lost.device.conversations.channels()).some(({ name }) => name === "secret"));
  // Whoever posts is in the group.
  await (
    await lost.device.conversations.say("#secret", { text: "from the phone" })
  ).settled;
  await sayAndRead("with the phone", [ada, lost]);
  await lost.device.connect("@bob");
  const { token } = await lost.device.request("token.get", {});
  const { channel } = await bob.device.conversations.channel("#secret");
  const epochOf = async (): Promise<number> => (await bob.device.request("group.info", { channel })).epoch;
  const before = await epochOf();
  const fetched = (): Promise<Response> =>
    fetch(`${mesh.origin}/blobs/${"0".repeat(64)}`, { headers: { authorization: `Bearer ${token}` } });
  expect((await fetched()).status).toBe(404);

  const started = performance.now();
  await mesh.devicesOf(ada).remove("phone");
  const [{ error }] = await Promise.all([
    events.session("stopped"),
    bob.events.link("closed"),
    until(async () => (await fetched()).status === 401),
    until(async () => (await epochOf()) > before),
  ]);
  expect(performance.now() - started).toBeLessThan(withinMs);
  expect(error?.code).toBe("device_removed");
  expect((await fetched()).status).toBe(401);

  await sayAndRead("without the phone", [ada]);
  const { messages } = await lost.device.conversations.messages({ conversation: "#secret", limit: 50 });
  expect(messages.map(({ content }) => textContent(content)?.text)).toEqual(["from the phone", "with the phone"]);
  const again = await scope.opened({ ...lost.joined, identity: mesh.identityOf(lost) });
  await expect(again.start()).rejects.toMatchObject({ code: "device_removed" });
  await expect(mesh.devicesOf(lost).invite()).rejects.toMatchObject({ code: "forbidden" });
});

it("gets nothing new by the keys of a root key that was changed because of it", async () => {
  await using scope = await MeshScope.start();
  const ada = await scope.join("ada", { kind: "person", links: false });
  const lost = await scope.mesh.addDevice(ada, { label: "phone" });
  const bob = await scope.join("bob");
  await bob.device.memberOf("@ada");
  const events = new Events(lost.device);
  const stolen = { ...scope.mesh.identityOf(lost), root: scope.mesh.identityOf(ada).root };
  await scope.mesh.devicesOf(ada).remove("phone");
  await events.session("stopped");
  const { rootKey } = await ada.device.rotateRoot();
  const thief = await scope.opened({ ...lost.joined, identity: stolen });
  await expect(thief.start()).rejects.toMatchObject({ code: "device_removed" });
  expect((await bob.device.memberOf("@ada")).verified.rootKey).toBe(rootKey);
});
