import type { NewMessage } from "@parley/core";
import { type Envelope, envelopeKinds, type Sync } from "@parley/protocol";
import { testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { OwnSync, type OwnSyncOptions } from "../../src/conversations/own-sync.ts";
import { bob, DirectScene } from "./direct-scene.ts";

const conversation = `@${bob.member}`;

const message = (id: string): NewMessage => ({
  conversation,
  id,
  author: bob.member,
  name: bob.name,
  device: undefined,
  created: 1,
  taken: 1,
  content: { type: "text", text: id },
  path: "mailbox",
  protection: "sealed",
  own: false,
});

const sync = (news: Sync): Envelope => testEnvelope(JSON.stringify(news), { kind: envelopeKinds.sync });

async function begin(): Promise<{ scene: DirectScene; take: (news: Sync) => Promise<void> }> {
  const scene = await DirectScene.open();
  const own = new OwnSync({
    own: {} as OwnSyncOptions["own"],
    streams: () => ({}) as ReturnType<OwnSyncOptions["streams"]>,
    contacts: () => scene.contacts,
    log: scene.log,
    now: () => 1,
    onError: (error) => void scene.errors.push(error),
  });
  const push = scene.events.push.bind(scene.events);
  scene.events.push = (...events) => {
    for (const event of events) if (event.type === "message") own.onMessage(event.message);
    return push(...events);
  };
  return { scene, take: (news) => own.take(sync(news)) };
}

describe("what was read on another device", () => {
  it("counts as read here, whether the message was here before that or comes after it", async () => {
    const { scene, take } = await begin();
    await scene.log.apply({ type: "message", message: message("one") });
    await take({ type: "read", conversation, id: "one" });
    expect(await scene.archive.conversations()).toMatchObject([{ messages: 1, unread: 0 }]);
    await take({ type: "read", conversation, id: "three" });
    await scene.log.apply({ type: "message", message: message("two") });
    expect(await scene.archive.conversations()).toMatchObject([{ messages: 2, unread: 1 }]);
    await scene.log.apply({ type: "message", message: message("three") });
    await scene.log.apply({ type: "message", message: message("four") });
    expect(await scene.archive.conversations()).toMatchObject([{ messages: 4, unread: 1 }]);
    expect(scene.errors).toEqual([]);
  });

  it("counts when message and word of it come at the same moment", async () => {
    const { scene, take } = await begin();
    await Promise.all([
      scene.log.apply({ type: "message", message: message("one") }),
      take({ type: "read", conversation, id: "one" }),
    ]);
    await scene.log.apply({ type: "mark", conversation, mark: undefined });
    expect(await scene.archive.conversations()).toMatchObject([{ messages: 1, unread: 0 }]);
  });
});
