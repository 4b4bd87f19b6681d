import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { defaultPatience, defaultQuietMs, type LoopMessage, LoopWatch } from "../../src/guards/loop-watch.ts";

interface Conversation {
  readonly title: string;
  readonly participants: readonly { readonly name: string; readonly kind: "agent" | "person" }[];
  readonly messages: readonly {
    readonly from: string;
    readonly text: string;
    readonly at: string;
    readonly attachments?: number;
  }[];
}

const folder = join(import.meta.dirname, "../../../../test/fixtures");

function fixtures(name: string): readonly Conversation[] {
  return readdirSync(join(folder, name)).map(
    (file) => JSON.parse(readFileSync(join(folder, name, file), "utf8")) as Conversation,
  );
}

/** Which message stops it, from 1; 0 when none does. */
function stopAt({ participants, messages }: Conversation, watch = new LoopWatch()): number {
  const kinds = new Map(participants.map(({ name, kind }) => [name, kind]));
  const at = messages.findIndex((message) => {
    const { from, text, attachments = 0 } = message;
    return (
      watch.take({ from, kind: kinds.get(from) ?? "agent", text, at: Date.parse(message.at), attachments }) !==
      undefined
    );
  });
  return at + 1;
}

const thanks = (at: number, change: Partial<LoopMessage> = {}): LoopMessage => ({
  from: at % 2 === 0 ? "a" : "b",
  kind: "agent",
  text: "Thank you very much!",
  at: at * 1000,
  ...change,
});

describe("the watch over loops", () => {
  it.each(fixtures("loops").map((loop) => [loop.title, loop] as const))("stops within 12 messages: %s", (_, loop) => {
    const at = stopAt(loop);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(12);
  });

  it.each(fixtures("conversations").map((each) => [each.title, each] as const))("lets go on: %s", (_, conversation) => {
    expect(stopAt(conversation)).toBe(0);
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
