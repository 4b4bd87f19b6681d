import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { awaitAdmission, createIdentityDraft, type IncomingPost, Operator, pairWithLink, talk } from "@parley/client";
import { DeviceLock, Home, prepareSocketFolder } from "@parley/client/node";
import { parseInviteLink, textContent } from "@parley/protocol";
import { connect } from "@parley/sdk";
import { DeviceSocket } from "@parley/sidecar";
import { describe, expect, it } from "vitest";

import { FakeDevice } from "../../packages/sidecar/test/fake-device.ts";
import { MeshScope, until } from "./device-fixture.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = ({ message }: IncomingPost): string | undefined => textContent(message.content)?.text;

/** The home folder of a new member that was let in. */
async function homeOf(scope: MeshScope, name: string): Promise<string> {
  const { device, identity, joined } = scope.mesh.operator;
  const operator = new Operator({
    device,
    root: identity.root,
    trust: () => joined.trust,
    registry: scope.mesh.origin,
  });
  const home = await Home.open(join(await scope.folder(), name));
  const draft = await createIdentityDraft({ name, kind: "agent", label: "test" });
  await home.saveDraft(draft);
  const pending = await pairWithLink(draft, parseInviteLink((await operator.createInvite({ kind: "link" })).text));
  if (!("pairing" in pending)) throw new Error("let in at once");
  await operator.approve(await operator.pendingOf(pending.pairing));
  await home.saveJoined(await awaitAdmission(pending));
  return home.path;
}

describe("two programs that talk", () => {
  it("have a direct conversation, each message once and in order", async () => {
    await using scope = await MeshScope.start();
    const ada = talk((await scope.join("ada")).device);
    const bob = talk((await scope.join("bob")).device);
    const abort = new AbortController();
    const answering = (async () => {
      for await (const { from, text } of bob.messages({ signal: abort.signal }))
        await bob.dm(`@${from.name}`).say(`you said ${text}`);
    })();
    const heard: string[] = [];
    const loop = ada.messages();
    for (const text of ["one", "two", "three"]) await ada.send("@bob", text);
    for await (const { text } of loop) if (heard.push(text) === 3) break;
    expect(heard).toEqual(["you said one", "you said two", "you said three"]);
    abort.abort();
    await answering;
    const { messages } = await bob.dm("@ada").history();
    expect(messages).toHaveLength(6);
    await Promise.all([ada.close(), bob.close()]);
  });

  it("read #general from where the last loop stopped, and have again what it threw on", async () => {
    await using scope = await MeshScope.start();
    const ada = talk((await scope.join("ada")).device).channel("general");
    const bob = talk((await scope.join("bob")).device).channel("#general");
    await Promise.all([ada.join(), bob.join()]);
    const started = bob.subscribe();
    for (const text of ["one", "two", "three"]) await (await ada.post(text)).settled;
    const failing = (async () => {
      for await (const post of started) if (textOf(post) === "two") throw new Error("no");
    })();
    await expect(failing).rejects.toThrow("no");
    const abort = new AbortController();
    const seen: unknown[] = [];
    for await (const post of bob.subscribe({ signal: abort.signal })) {
      seen.push([textOf(post), post.redelivered]);
      if (seen.length === 2) abort.abort();
    }
    expect(seen).toEqual([
      ["two", true],
      ["three", false],
    ]);
    const next = bob.subscribe();
    await ada.post("four");
    expect(textOf((await next.next()).value as IncomingPost)).toBe("four");
    expect((await bob.history({ limit: 2 })).messages.map((message) => textContent(message.content)?.text)).toEqual([
      "three",
      "four",
    ]);
  });
});

describe("connect", () => {
  it("holds the device of a home, lets a second program in through the first, and ends its loops with it", async () => {
    await using scope = await MeshScope.start();
    const home = await homeOf(scope, "ada");
    const first = await connect({ home, links: false });
    const second = await connect({ home });
    expect(second.me).toEqual(first.me);
    const bob = talk((await scope.join("bob")).device);
    const sent = await bob.send("@ada", "hello");
    const abort = new AbortController();
    for await (const { text } of second.messages({ signal: abort.signal })) {
      expect(text).toBe("hello");
      abort.abort();
    }
    expect(await sent.reaches("handled")).toMatchObject({ state: "handled" });
    const loop = second.messages();
    const waiting = loop.next();
    waiting.catch(() => undefined);
    await first.close();
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
    const third = await connect({ home, links: false });
    await bob.send("@ada", "again");
    expect(await third.messages().next()).toMatchObject({ value: { text: "again", redelivered: false } });
    await Promise.all([second.close(), third.close()]);
  });

  it("goes on when the process that it connects through goes, and holds the device itself", async () => {
    await using scope = await MeshScope.start();
    const path = await homeOf(scope, "ada");
    const { socketPath } = await Home.open(path);
    await prepareSocketFolder(socketPath);
    const lock = DeviceLock.tryTake(path);
    const device = new FakeDevice();
    device.state = "connecting";
    const socket = await DeviceSocket.open({ device, path: socketPath });
    const connecting = connect({ home: path, links: false });
    await until(() => device.watchers === 1);
    await socket.close();
    lock?.release();
    const ada = await connecting;
    expect(ada.me.name).toBe("ada");
    expect(DeviceLock.tryTake(path)).toBeUndefined();
    await ada.close();
  });

  it("refuses a home that never paired, and gives up on its signal", async () => {
    await using scope = await MeshScope.start();
    const empty = join(await scope.folder(), "empty");
    await expect(connect({ home: empty })).rejects.toMatchObject({ code: "not_admitted" });
    const home = await homeOf(scope, "ada");
    await scope.mesh.stopRegistry();
    const abort = new AbortController();
    const connecting = connect({ home, links: false, signal: abort.signal });
    abort.abort();
    await expect(connecting).rejects.toMatchObject({ code: "canceled" });
    await scope.startRegistry();
    await (await connect({ home, links: false })).close();
  });
});

describe("the ten lines of docs/sdk.md", () => {
  it("talk with somebody in #general", async () => {
    await using scope = await MeshScope.start();
    const home = await homeOf(scope, "tenlines");
    const bob = talk((await scope.join("bob")).device);
    const general = bob.channel("general");
    await general.join();
    const page = await readFile(join(root, "docs", "sdk.md"), "utf8");
    const program = /^```ts\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
    // Inside the repository, where the package is found.
    const folder = join(root, "node_modules", ".sdk-page");
    await mkdir(folder, { recursive: true });
    const file = join(folder, "ten-lines.mjs");
    await writeFile(file, program);
    const running = spawn(process.execPath, [file], {
      env: { ...process.env, PARLEY_HOME: home },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    running.stderr.on("data", (text: Buffer) => (said += text.toString()));
    const ended = once(running, "exit");
    try {
      const posts = general.subscribe({ replay: 5 });
      expect(textOf((await posts.next()).value as IncomingPost)).toBe("tenlines is here");
      await general.post("are you well?");
      expect(await bob.messages().next()).toMatchObject({
        value: { text: "I am, thank you", from: { name: "tenlines" } },
      });
      expect({ ended: await ended, said }).toMatchObject({ ended: [0, null] });
    } finally {
      running.kill();
      await rm(folder, { recursive: true, force: true });
    }
    await until(() => running.exitCode !== null);
  });
});
