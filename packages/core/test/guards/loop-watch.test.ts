import { describe, expect, it } from "vitest";

import { type ConversationFixture, readConversationFixtures } from "../../../../test/fixtures/conversation-fixture.ts";
import {
  defaultLeastNews,
  defaultPatience,
  defaultQuietMs,
  type LoopMessage,
  LoopWatch,
} from "../../src/guards/loop-watch.ts";

/** Which message stops it, from 1; 0 when none does. */
function stopAt({ participants, messages }: ConversationFixture, watch = new LoopWatch()): number {
  const kinds = new Map(participants.map(({ name, kind }) => [name, kind]));
  const at = messages.findIndex(
    ({ from, text, at }) => watch.take({ from, kind: kinds.get(from) ?? "agent", text, at }) !== undefined,
  );
  return at + 1;
}

const loops = [...readConversationFixtures("loops")];
const recorded = [...readConversationFixtures("conversations")];
const written = [...readConversationFixtures("written")];

const thanks = (at: number, change: Partial<LoopMessage> = {}): LoopMessage => ({
  from: at % 2 === 0 ? "a" : "b",
  kind: "agent",
  text: "Thank you very much!",
  at: at * 1000,
  ...change,
});

describe("the watch over loops", () => {
  it.each(loops)("stops within 12 messages: %s", (_, loop) => {
    const at = stopAt(loop);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(12);
  });

  it.each([...recorded, ...written])("lets go on: %s", (_, conversation) => {
    expect(stopAt(conversation)).toBe(0);
  });

  it("is as sure when it asks for 8 of 100 more news of the recorded ones, and for 8 less of loops", () => {
    const stopped = (leastNews: number, [, fixture]: (typeof loops)[number]): number =>
      stopAt(fixture, new LoopWatch({ leastNews }));
    expect(recorded.filter((each) => stopped(defaultLeastNews * 1.08, each) > 0).map(([name]) => name)).toEqual([]);
    const late = loops.filter((each) => ![9, 10, 11, 12].includes(stopped(defaultLeastNews * 0.92, each)));
    expect(late.map(([name]) => name)).toEqual([]);
  });

  it("lets a conversation go on for as long as a person speaks in it, and again when one does", () => {
    const watch = new LoopWatch();
    for (let at = 1; at < 60; at++)
      expect(watch.take(thanks(at, at % 6 === 0 ? { kind: "person", from: "ada" } : {}))).toBeUndefined();
    for (let at = 60; at < 72; at++) watch.take(thanks(at));
    expect(watch.stopped).toBeDefined();
    expect(watch.take(thanks(72, { kind: "person", from: "ada", text: "go on" }))).toBeUndefined();
    expect(watch.take(thanks(73))).toBeUndefined();
  });

  it("begins anew after a quiet time, not a moment before", () => {
    for (const [quiet, isStopped] of [
      [defaultQuietMs, true],
      [defaultQuietMs + 1, false],
    ] as const) {
      const watch = new LoopWatch();
      for (let at = 1; at <= defaultPatience; at++) watch.take(thanks(at));
      expect(watch.stopped).toBeDefined();
      watch.take(thanks(0, { at: defaultPatience * 1000 + quiet }));
      expect(watch.stopped !== undefined).toBe(isStopped);
    }
  });

  it("stops with the message that makes its patience full, and goes on when it is told to", () => {
    const watch = new LoopWatch();
    for (let at = 1; at < defaultPatience; at++) expect(watch.take(thanks(at))).toBeUndefined();
    expect(watch.take(thanks(defaultPatience))).toBe("repeats");
    watch.resume();
    expect(watch.take(thanks(defaultPatience + 1))).toBeUndefined();
  });

  it("takes attachments as progress, though not for ever", () => {
    const watch = new LoopWatch();
    for (let at = 1; at <= 20; at++) expect(watch.take(thanks(at, { attachments: 1 }))).toBeUndefined();
    for (let at = 21; at <= 60; at++) watch.take(thanks(at, { attachments: 1 }));
    expect(watch.stopped).toBeDefined();
  });

  it("looks at a bounded part of a message, however long it is", () => {
    const watch = new LoopWatch();
    const long = Array.from({ length: 30_000 }, (_, n) => `w${n.toString(36)}`).join(" ");
    const began = performance.now();
    for (let at = 1; at <= 40; at++) watch.take(thanks(at, { text: long }));
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});
