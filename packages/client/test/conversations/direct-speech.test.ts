import { openMemoryArchive, openMemoryJournal } from "@parley/core";
import { envelopeId, type Sync, textContent } from "@parley/protocol";
import { FakeClock, SeededRandom, testEnvelope, testId } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { DirectSpeech } from "../../src/conversations/direct-speech.ts";
import type { Sent } from "../../src/delivery.ts";
import { outgoingOf } from "../../src/guards/outgoing.ts";
import type { MemberView } from "../../src/member-view.ts";
import { bob, DirectScene } from "./direct-scene.ts";

const conversation = `@${bob.member}`;
const bodyOf = (content: object): string => JSON.stringify(content);

class Speaker {
  readonly scene: DirectScene;
  readonly speech: DirectSpeech;
  readonly sent: Uint8Array[] = [];
  readonly told: Sync[] = [];
  beforeSend: () => Promise<unknown> = () => Promise.resolve();

  constructor(scene: DirectScene) {
    this.scene = scene;
    this.speech = new DirectSpeech({
      mesh: testId("m"),
      own: { member: testId("a"), name: "ada", device: testId("d") },
      contacts: scene.contacts,
      log: scene.log,
      random: new SeededRandom(2),
      now: () => new FakeClock().now(),
      recipient: () => Promise.resolve(bob as MemberView),
      send: async (_to, body) => {
        await this.beforeSend();
        this.sent.push(body);
        return { id: envelopeId("e", this.sent.length), state: () => ({ state: "accepted", path: undefined }) } as Sent;
      },
      sync: (news) => void this.told.push(news),
      outgoing: outgoingOf(() => false),
      onError: (error) => void scene.errors.push(error),
    });
  }

  async protections(): Promise<readonly string[]> {
    return (await this.scene.archive.messages({ conversation })).messages.map(({ protection }) => protection);
  }

  get bodies(): readonly string[] {
    return this.sent.map((body) => new TextDecoder().decode(body));
  }
}

describe("what is said", () => {
  it("is called protected by a secret when it was sealed with it, and only then", async () => {
    const speaker = new Speaker(await DirectScene.open());
    const { contacts } = speaker.scene;
    speaker.beforeSend = () => contacts.newSecret(bob);
    await speaker.speech.say("@bob", { type: "text", text: "in the clear" });
    speaker.beforeSend = () => contacts.removeSecret(bob);
    await speaker.speech.say("@bob", { type: "text", text: "sealed" });
    expect(speaker.bodies.map((body) => body.includes("sealed"))).toEqual([false, true]);
    expect(await speaker.protections()).toEqual(["sealed", "secret"]);
    expect(speaker.told).toMatchObject([{ secret: false }, { secret: true }]);
  });

  it("is said once more under the secret of now, and remembered", async () => {
    const speaker = new Speaker(await DirectScene.open());
    const { contacts, archive } = speaker.scene;
    const plain = new TextEncoder().encode(bodyOf({ type: "text", text: "hello" }));
    await contacts.newSecret(bob);
    await speaker.speech.again(bob.member, plain);
    const [sealed = new Uint8Array()] = speaker.sent;
    await speaker.speech.again(bob.member, sealed);
    expect(speaker.bodies.map((body) => body.includes("hello"))).toEqual([false, false]);
    expect(speaker.bodies[0]).not.toBe(speaker.bodies[1]);
    const { messages } = await archive.messages({ conversation });
    expect(messages.map(({ content }) => textContent(content)?.text)).toEqual(["hello", "hello"]);
  });
});

describe("what an earlier start accepted in its last moment", () => {
  it("is remembered by the next one, once, and told to the person's other devices", async () => {
    const journal = openMemoryJournal();
    const archive = openMemoryArchive();
    const texts = [
      { type: "text", text: "one" },
      { type: "reaction", of: "x.1", reaction: "+", on: true },
      { type: "text", text: "two" },
    ];
    const envelopes = texts.map((content) => testEnvelope(bodyOf(content)));
    for (const [index, envelope] of envelopes.entries())
      await journal.appendOutbox({ recipient: bob.member, seq: index + 1, envelope });
    const { epoch, outbox } = await journal.load();
    const speaker = new Speaker(await DirectScene.open({ archive }));
    await speaker.speech.recall(outbox);
    await speaker.speech.recall(outbox);
    const { messages } = await archive.messages({ conversation });
    expect(messages).toMatchObject([
      { id: envelopeId(epoch, 1), own: true, state: "accepted", content: texts[0] },
      { id: envelopeId(epoch, 3), own: true, state: "accepted", content: texts[2] },
    ]);
    expect(speaker.told).toMatchObject([{ content: texts[0] }, { content: texts[2] }]);
  });
});
