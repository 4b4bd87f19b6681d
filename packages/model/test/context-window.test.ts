import type { ModelMessage } from "ai";
import { describe, expect, it } from "vitest";

import { estimateTokens, messagesWithin, newestWithin, type Turn } from "../src/context-window.ts";

const turn = (text: string): Turn => ({
  at: 0,
  messages: [
    { role: "user", content: text },
    { role: "assistant", content: `${text}!` },
  ],
});
const said = (text: string): ModelMessage => ({ role: "user", content: text });
const result = (id: string, value: string): ModelMessage => ({
  role: "tool",
  content: [{ type: "tool-result", toolCallId: id, toolName: "t", output: { type: "text", value } }],
});
const one = estimateTokens(turn("aaaa").messages);

describe("the window of a conversation", () => {
  it("holds the newest turns that fit, at its bound and not below it", () => {
    const turns = [turn("aaaa"), turn("bbbb"), turn("cccc")];
    expect(newestWithin(turns, 2 * one)).toEqual(turns.slice(1));
    expect(newestWithin(turns, 2 * one - 1)).toEqual(turns.slice(2));
    expect(newestWithin(turns, 0)).toEqual([]);
    expect(newestWithin(turns, 3 * one)).toEqual(turns);
  });

  it("leaves out no turn between two that it holds", () => {
    const turns = [turn("aaaa"), turn("b".repeat(5000)), turn("cccc")];
    expect(newestWithin(turns, 3 * one)).toEqual(turns.slice(2));
  });

  it("says how many turns are missing, with those that were forgotten before", () => {
    const now = [said("now")];
    const earlier = [turn("aaaa"), turn("bbbb")];
    const all = messagesWithin({ earlier, leftOut: 0, now }, 10_000);
    expect(all).toEqual([...earlier.flatMap(({ messages }) => messages), ...now]);
    const some = messagesWithin({ earlier, leftOut: 3, now }, one + estimateTokens(now));
    expect(some[0]).toEqual(said('<parley-notice>{"earlierMessagesLeftOut":4}</parley-notice>'));
    expect(some.slice(1)).toEqual([...turn("bbbb").messages, ...now]);
  });

  it("leaves out the oldest results of tools when what is said now does not fit", () => {
    const now = [
      said("go"),
      result("1", "x".repeat(4000)),
      result("2", "y".repeat(4000)),
      result("3", "z".repeat(4000)),
    ];
    expect(messagesWithin({ earlier: [], leftOut: 0, now }, 100_000)).toEqual(now);
    const fitted = JSON.stringify(messagesWithin({ earlier: [], leftOut: 0, now }, 2300));
    expect(fitted).not.toContain("xxx");
    expect(fitted).toContain("resultLeftOut");
    expect(fitted).toContain("yyy");
    expect(fitted).toContain("zzz");
    // The newest one stays, whatever it takes: the model has not seen it yet.
    expect(JSON.stringify(messagesWithin({ earlier: [], leftOut: 0, now }, 10))).toContain("zzz");
  });
});
