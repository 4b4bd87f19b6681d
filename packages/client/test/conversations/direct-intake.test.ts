import { type Archive, openMemoryArchive } from "@parley/core";
import { type AnyContent, ParleyError } from "@parley/protocol";
import { testId } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { ArrivedMessage } from "../../src/conversations/direct-intake.ts";
import { createSecret, sealContent } from "../../src/conversations/shared-secret.ts";
import { bob, carol, DirectScene, verified } from "./direct-scene.ts";

const arrived = (from: typeof bob, content: AnyContent, id = "AAAAAAAAAAAAAAAAAAAAAA.1"): ArrivedMessage => ({
  id,
  sender: verified(from),
  device: testId("d"),
  created: 1,
  receivedAt: 1,
  path: "direct",
  body: new TextEncoder().encode(JSON.stringify(content)),
});
const text = (said: string): AnyContent => ({ type: "text", text: said });

describe("what comes from members", () => {
  it("stays each one's own when one gives its message the id of another's", async () => {
    const scene = await DirectScene.open({ asksFirst: false });
    const [forged, real] = await Promise.all([
      scene.intake.keep(arrived(carol, text("from carol"))),
      scene.intake.keep(arrived(bob, text("from bob"))),
    ]);
    expect([forged.content, real.content]).toEqual([text("from carol"), text("from bob")]);
    expect((await scene.archive.messages({ conversation: `@${bob.member}` })).messages).toMatchObject([
      { author: bob.member, content: text("from bob") },
    ]);
  });

  it("is remembered when it is tried again after the archive refused it", async () => {
    const memory = openMemoryArchive();
    let isFull = true;
    const archive: Archive = Object.assign(Object.create(memory) as Archive, {
      apply: (changes: Parameters<Archive["apply"]>[0]): Promise<void> =>
        isFull ? Promise.reject(new ParleyError("storage_full")) : memory.apply(changes),
      message: memory.message.bind(memory),
    });
    const scene = await DirectScene.open({ asksFirst: false, archive });
    const message = arrived(bob, text("hello"));
    await expect(scene.intake.keep(message)).rejects.toMatchObject({ code: "storage_full" });
    isFull = false;
    expect(await scene.intake.keep(message)).toMatchObject({ content: text("hello") });
    expect(await memory.message(`@${bob.member}`, message.id)).toMatchObject({ content: text("hello") });
  });

  it("is of a kind that this version does not know, also when that shows under a secret only", async () => {
    const scene = await DirectScene.open({ asksFirst: false });
    const secret = await scene.contacts.newSecret(bob);
    const later = { type: "poll", choices: ["yes", "no"] };
    const key = scene.contacts.secretOf(bob.member) ?? createSecret({ bytes: (n) => new Uint8Array(n) }).secret;
    expect(secret).toContain(key.key);
    const parties = { mesh: testId("m"), from: bob.member, to: testId("a") };
    const random = { bytes: (count: number) => new Uint8Array(count) };
    const sealed = await sealContent(later as never, key, parties, random);
    const taken = await scene.intake.keep(arrived(bob, sealed));
    expect(taken).toMatchObject({ content: later, protection: "secret" });
    expect((await scene.archive.messages({ conversation: `@${bob.member}` })).messages).toMatchObject([
      { unreadable: "unknown", protection: "secret" },
    ]);
    expect(scene.errors).toEqual([]);
  });
});
