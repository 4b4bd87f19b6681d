import { createSigner } from "@parley/core";
import { Door, DeviceMesh } from "@parley/door";
import { textContent } from "@parley/protocol";
import { describe, expect, it, onTestFinished } from "vitest";

import { PlainClient } from "../../packages/door/test/plain-client.ts";
import { MeshScope, until } from "./device-fixture.ts";

describe("the plain door of a mesh", () => {
  it("shares channels, history and direct messages with devices", async () => {
    const edges = new Set<string>();
    await using scope = await MeshScope.start({ registry: { mayVouch: (member) => edges.has(member) } });
    const alice = await scope.join("alice");
    const keeper = await scope.join("door");
    edges.add(keeper.device.member);
    const mesh = new DeviceMesh(keeper.device);
    const door = new Door({ mesh });
    await door.start();
    onTestFinished(() => door.close());
    const { url } = await door.listen({ port: 0 });
    await alice.device.conversations.joinChannel("#general");
    const earlier = await alice.device.conversations.say("#general", { text: "before the door" });
    await earlier.settled;

    const client = await PlainClient.come(url, { name: "shell" });
    expect((await client.join("#general"))["agents"]).toEqual([client.id, "@alice"]);
    expect(await client.next("MSG")).toMatchObject({ from: "@alice", content: "before the door", replay: true });

    await alice.device.conversations.say("#general", { text: "hello shell" });
    expect(await client.next("MSG")).toMatchObject({ from: "@alice", to: "#general", content: "hello shell" });
    client.send({ type: "MSG", to: "#general", content: "hello alice" });
    expect(await client.next("MSG")).toMatchObject({ content: "hello alice" });
    const textsOfAlice = async (): Promise<readonly (string | undefined)[]> =>
      (await alice.device.conversations.messages({ conversation: "#general" })).messages.map(
        ({ content }) => textContent(content)?.text,
      );
    await until(async () => (await textsOfAlice()).includes("hello alice"));
    const { messages } = await alice.device.conversations.messages({ conversation: "#general", limit: 1 });
    expect(messages[0]).toMatchObject({
      name: "door",
      protection: "door",
      via: { edge: "door", id: client.id.slice(1), name: "shell", standing: "keyless" },
    });

    const got: { id: string; text: string }[] = [];
    alice.device.onMessage(({ id, text }) => void got.push({ id, text }));
    client.send({ type: "MSG", to: "@alice", content: "psst" });
    expect(await client.next("MSG")).toMatchObject({ from: client.id, to: "@alice", content: "psst" });
    await until(() => got.length === 1);
    expect(got[0]?.text).toBe(`${client.id} (shell, keyless): psst`);
    await alice.device.conversations.say("@door", { text: `${client.id} psst yourself` });
    expect(await client.next("MSG")).toMatchObject({ from: "@alice", to: client.id, content: "psst yourself" });

    await client.refused({ type: "MSG", to: "@nobody", content: "x" });
    expect(client.all.at(-1)).toMatchObject({ code: "AGENT_NOT_FOUND" });
    client.send({ type: "CREATE_CHANNEL", channel: "#workshop" });
    expect(await client.next("JOINED")).toMatchObject({ channel: "#workshop", agents: [client.id] });
    await alice.device.conversations.joinChannel("#workshop");
    expect(await client.next("AGENT_JOINED")).toMatchObject({ channel: "#workshop", agent: "@alice" });
    await alice.device.conversations.leaveChannel("#workshop");
    expect(await client.next("AGENT_LEFT")).toMatchObject({ channel: "#workshop", agent: "@alice" });
    mesh.close();
  });

  it("keeps encrypted channels out of reach", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const keeper = await scope.join("door");
    const door = new Door({ mesh: new DeviceMesh(keeper.device) });
    await door.start();
    onTestFinished(() => door.close());
    const { url } = await door.listen({ port: 0 });
    const client = await PlainClient.come(url);
    await alice.device.conversations.createChannel({ name: "den", kind: "invite" });
    expect(await client.refused({ type: "JOIN", channel: "#den" })).toBe("CHANNEL_NOT_FOUND");
    client.send({ type: "LIST_CHANNELS" });
    expect(JSON.stringify(await client.next("CHANNELS"))).not.toContain("den");
  });

  it("knows the keys of its members from all others", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const keeper = await scope.join("door");
    const mesh = new DeviceMesh(keeper.device);
    expect(await mesh.isMember(alice.identity.rootKey)).toBe(true);
    const stranger = await createSigner("member");
    expect(await mesh.isMember(stranger.publicKey)).toBe(false);
    // The key of a device is not its member's.
    expect(await mesh.isMember(alice.identity.device.publicKey)).toBe(false);
    await scope.mesh.revoke("alice");
    await until(async () => !(await mesh.isMember(alice.identity.rootKey)));
    mesh.close();
  });

  it("is believed by the registry alone to speak for others", async () => {
    await using scope = await MeshScope.start();
    const mallory = await scope.join("mallory");
    const via = { edge: "door", id: "1a2b3c4d", name: "alice", standing: "proven" } as const;
    const { conversations } = mallory.device;
    await conversations.joinChannel("#general");
    const sent = await conversations.say("#general", { text: "it is me", via });
    expect(await sent.settled).toMatchObject({ state: "refused", error: { code: "forbidden" } });
    await expect(conversations.say("@op", { text: "it is me", via })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await conversations.createChannel({ name: "den", kind: "invite" });
    await expect(conversations.say("#den", { text: "it is me", via })).rejects.toMatchObject({
      code: "unsupported_operation",
    });
  });
});
