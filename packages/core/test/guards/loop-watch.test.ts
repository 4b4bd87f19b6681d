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
const recorded = [...readConversationFixtures("conversations"), ...readConversationFixtures("prepared")];
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

  it.each([
    ["words", (n: number) => `${n.toString(36).replaceAll(/\d/g, "x")}w`],
    ["names", (n: number) => `x_${n.toString(36)}`],
    ["numbers", (n: number) => `${n * 7}`],
    ["codes", (n: number) => `ab${n % 99}`],
    ["steps", (n: number) => `${n}/${n + 1}`],
  ])("looks at a bounded part of a message, however long it is: %s", (_, make) => {
    let n = 0;
    const texts = Array.from({ length: 20 }, () => Array.from({ length: 5_000 }, () => make(n++)).join(" "));
    const watch = new LoopWatch();
    const began = performance.now();
    for (const [at, text] of texts.entries()) watch.take(thanks(at, { text }));
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each(["a", "$", "9", "a-", "a.", " ", "1/", "谢", "@"])("takes no longer for a message that is all %j", (run) => {
    const watch = new LoopWatch();
    const began = performance.now();
    for (let at = 1; at <= 10; at++) watch.take(thanks(at, { text: run.repeat(4_000) + at }));
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it("takes numbers by themselves as news, though not for ever", () => {
    const watch = new LoopWatch();
    const tell = (at: number): LoopMessage =>
      thanks(at, { text: at % 2 === 0 ? `${(at * at * 37) % 9973}` : "level?" });
    for (let at = 1; at <= 60; at++) expect(watch.take(tell(at))).toBeUndefined();
    for (let at = 61; at <= 160; at++) watch.take(tell(at));
    expect(watch.stopped).toBe("repeats");
  });

  it("counts what several say to the same as one answer, and what follows one's own as one turn", () => {
    const three = new LoopWatch();
    const two = new LoopWatch();
    const pairs = new LoopWatch();
    for (let at = 1; at <= defaultPatience; at++) {
      two.take(thanks(at));
      three.take(
        thanks(at, { from: "abc"[at % 3] ?? "", text: at === 1 ? "Six rows were copied to vault." : "Thanks!" }),
      );
      pairs.take(thanks(at, { from: "aabb"[at % 4] ?? "" }));
    }
    expect([two.stopped, three.stopped, pairs.stopped]).toEqual(["repeats", undefined, undefined]);
    for (let at = defaultPatience + 1; at <= defaultPatience + 3; at++) {
      three.take(thanks(at, { from: "abc"[at % 3] ?? "" }));
      pairs.take(thanks(at, { from: "aabb"[at % 4] ?? "" }));
    }
    expect([three.stopped, pairs.stopped]).toEqual(["repeats", "repeats"]);
  });
});
