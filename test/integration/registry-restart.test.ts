import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { createSigner, exportSigner } from "@parley/core";
import { callRegistry, type TestDevice, TestIdentity, WireMesh } from "@parley/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { payloadOf, readBackward, readForward, takePosts } from "./channel-scene.ts";

const program = new URL("./registry-process.ts", import.meta.url);

let folder: string;
let nodeKey: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "parley-registry-"));
  nodeKey = await exportSigner(await createSigner("node"));
});

afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true, force: true });
});

async function kill(): Promise<void> {
  if (child === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  child = undefined;
}

async function start(port = 0): Promise<{ origin: string; claimSecret?: string }> {
  child = fork(program, [folder, nodeKey, String(port)], {
    execArgv: [],
  });
  const [ready] = (await once(child, "message")) as [{ origin: string; claimSecret?: string }];
  return ready;
}

describe("a registry that is killed", () => {
  it("has its members, invites, requests, revocations and stored frames after the restart", async () => {
    const { origin, claimSecret = "" } = await start();
    const mesh = await WireMesh.claim(origin, claimSecret);
    const bob = await mesh.join("bob");
    const carol = await mesh.admit("carol");
    const gone = await mesh.admit("gone");
    const revocations = await mesh.operator.identity.revoke(mesh.mesh, 1, [gone.member]);
    await mesh.operator.request("order.publish", { type: "revocations", statement: revocations });
    const code = await mesh.operator.request("invite.create", { kind: "code" });
    const dan = await TestIdentity.create("dan");
    const { pairing } = await mesh.pair(dan, await mesh.invite());
    const stored: number[] = [];
    for (let count = 0; count < 200; count++) bob.sendFrame(carol, new Uint8Array([count]), { store: true });
    for (let count = 0; count < 200; count++) {
      if ((await bob.nextResult()).state === "stored") stored.push(count);
      // Killed while frames are still on their way: what was answered counts.
      if (count === 120) break;
    }
    await kill();

    const again = await start(Number(new URL(origin).port));
    expect(again).toEqual({ origin });
    const operator = await mesh.open(mesh.operator.identity);
    expect(operator.welcome.revocations).toBe(revocations);
    const device = await mesh.open(carol);
    for (const count of stored) expect((await device.nextDelivery()).content).toEqual(new Uint8Array([count]));
    await expect(mesh.open(gone)).rejects.toMatchObject({ code: "revoked" });
    expect(await callRegistry(origin, "GET", `/pairings/${pairing}`)).toMatchObject({ state: "pending" });
    const admission = await mesh.operator.identity.admit(mesh.mesh, dan.member, { name: "dan" });
    await operator.request("pairing.approve", { pairing, admission });
    expect((await mesh.open(dan)).welcome.admission).toBe(admission);
    expect(await mesh.pair(await TestIdentity.create("erin"), code.secret)).toMatchObject({ state: "pending" });
    expect((await operator.request("directory.find", {})).members).toHaveLength(4);
  });

  it("has every channel as it was, and every post once, also those whose authors never heard of them", async () => {
    const { origin, claimSecret = "" } = await start();
    const mesh = await WireMesh.claim(origin, claimSecret);
    const authors = await Promise.all(["ann", "ben", "cas"].map((name) => mesh.join(name)));
    const [ann] = authors as [TestDevice];
    const { channel } = (await ann.request("channel.create", { name: "busy", kind: "public", topic: "all" })).channel;
    for (const author of authors) await author.request("channel.join", { channel });
    const follow = { channels: [{ channel, after: 0 }] };
    await ann.request("channel.follow", follow);
    const sent = await Promise.all(
      authors.map((author) => Promise.all(Array.from({ length: 150 }, () => author.makePost(channel)))),
    );
    for (const [index, author] of authors.entries()) author.sendPosts(sent[index] ?? []);
    // Killed while posts are still on their way.
    const { ids: seen, last } = await takePosts(ann, 60, 0);
    await kill();

    await start(Number(new URL(origin).port));
    const again = await Promise.all(authors.map(({ identity }) => mesh.open(identity)));
    for (const [index, author] of again.entries()) author.sendPosts(sent[index] ?? []);
    for (const author of again)
      for (let count = 0; count < 150; count++) expect((await author.nextPostResult()).error).toBeUndefined();
    const [reader, other] = again as [TestDevice, TestDevice];
    expect((await reader.request("channel.get", { channel })).channel).toMatchObject({ topic: "all", members: 3 });
    const all = await readForward(other, channel, 100);
    expect(await readBackward(reader, channel, 100)).toEqual(all);
    expect(all.slice(0, seen.length)).toEqual(seen);
    expect(all.toSorted()).toEqual(
      sent
        .flat()
        .map((statement) => payloadOf(statement).id)
        .toSorted(),
    );
    for (const own of sent) {
      const order = own.map((statement) => payloadOf(statement).id);
      expect(all.filter((id) => order.includes(id))).toEqual(order);
    }
    await reader.request("channel.follow", { channels: [{ channel, after: last }] });
    expect(await takePosts(reader, 450 - seen.length, last)).toMatchObject({
      ids: all.slice(seen.length),
      chained: true,
    });
  });

  it("refuses to start with another node key than the mesh certified", async () => {
    const { origin, claimSecret = "" } = await start();
    await WireMesh.claim(origin, claimSecret);
    await kill();
    nodeKey = await exportSigner(await createSigner("node"));
    child = fork(program, [folder, nodeKey, "0"], {
      execArgv: [],
      silent: true,
    });
    let text = "";
    child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    child = undefined;
    expect([code, text.includes("registry_key_mismatch")]).toEqual([1, true]);
  });
});
