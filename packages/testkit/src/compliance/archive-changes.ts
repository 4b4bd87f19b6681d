import type { Archive, ArchiveChange } from "@parley/core";
import { maxReactionMembers, maxReactions, maxWaitingBytes, maxWaitingChanges } from "@parley/core";
import type { AnyContent, DeliveryState } from "@parley/protocol";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { channel, mate, said, text, textsOf } from "./archive-messages.ts";
import { type Bench, expectCode } from "./subject.ts";

const edit = (of: string, words: string, at = 5, by = mate): ArchiveChange => ({
  type: "edit",
  conversation: channel,
  of,
  by,
  at,
  text: words,
});
const retract = (of: string, at = 6, by = mate): ArchiveChange => ({
  type: "retract",
  conversation: channel,
  of,
  by,
  at,
});
const reaction = (of: string, reaction: string, by = mate, on = true): ArchiveChange => ({
  type: "reaction",
  conversation: channel,
  of,
  by,
  reaction,
  on,
});
const opened = (id: string, words: string): ArchiveChange => ({
  type: "opened",
  conversation: channel,
  id,
  content: text(words),
});
const sealed = { type: "sealed", secret: "s", salt: "t", box: "b" };
const closed = (id: string): ArchiveChange =>
  said(id, { content: sealed, unreadable: "no-secret", protection: "secret" });

const shown = (archive: Archive, id = "a") => archive.message(channel, id);

/** What becomes of messages that an Archive has. */
export function describeArchiveChanges(bench: Bench<Archive>): void {
  describeEdits(bench);
  describeRetractions(bench);
  describeReactions(bench);
  describeStates(bench);
  describeOpened(bench);
  describeOpenedChanges(bench);
  describeWaiting(bench);
}

function describeEdits(bench: Bench<Archive>): void {
  it("takes another text from the author, the newest by the author's clock, and keeps the rest", async () => {
    const { port: archive } = await bench.open();
    const content = { type: "text", text: "before", thread: "t", answers: "b" };
    const via = {
      edge: "door",
      id: "i",
      name: "n",
      standing: "proven",
      key: "k",
      signature: "s",
      signed: "x",
    } as const;
    await archive.apply([said("a", { content, via })]);
    await archive.apply([edit("a", "by another", 5, "somebody")]);
    expect([(await shown(archive))?.content, (await shown(archive))?.edited]).toEqual([content, undefined]);
    await archive.apply([edit("a", "second", 7), edit("a", "first", 6)]);
    expect([(await shown(archive))?.content, (await shown(archive))?.edited]).toEqual([
      { ...content, text: "second" },
      7,
    ]);
    await archive.apply([edit("a", "third", 7)]);
    expect((await shown(archive))?.content).toEqual({ ...content, text: "third" });
    expect((await shown(archive))?.via).toEqual({ edge: "door", id: "i", name: "n", standing: "proven" });
  });

  it("leaves what is no text as it is", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a", { content: { type: "poll" } }), edit("a", "text")]);
    expect((await shown(archive))?.content).toEqual({ type: "poll" });
  });
}

function describeRetractions(bench: Bench<Archive>): void {
  it("lets the author take a message back, for good", async () => {
    const { port: archive } = await bench.open();
    const via = { edge: "door", id: "i", name: "n", standing: "proven", signed: "text" } as const;
    await archive.apply([said("a", { via, mentioned: true }), reaction("a", "+"), retract("a", 5, "somebody")]);
    expect((await shown(archive))?.retracted).toBeUndefined();
    await archive.apply([retract("a"), retract("a", 9), edit("a", "again", 10), reaction("a", "+"), opened("a", "x")]);
    const gone = await shown(archive);
    expect([gone?.content, gone?.retracted, gone?.reactions]).toEqual([{ type: "retract", of: "a" }, 6, {}]);
    expect(gone?.via).toEqual({ edge: "door", id: "i", name: "n", standing: "proven" });
    const [summary] = await archive.conversations();
    expect([summary?.messages, summary?.unread, summary?.mentions]).toEqual([1, 1, 1]);
  });
}

function describeReactions(bench: Bench<Archive>): void {
  const reactions = async (archive: Archive) => Object.entries((await shown(archive))?.reactions ?? {});

  it("keeps reactions in their order, once for each member, until they are withdrawn", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a"), reaction("a", "+", "m1"), reaction("a", "❤", "m1"), reaction("a", "+", "m2")]);
    await archive.apply([reaction("a", "+", "m1"), reaction("a", "x", "m1", false), reaction("a", "__proto__", "m3")]);
    expect(await reactions(archive)).toEqual([
      ["+", ["m1", "m2"]],
      ["❤", ["m1"]],
      ["__proto__", ["m3"]],
    ]);
    await archive.apply([reaction("a", "+", "m1", false), reaction("a", "❤", "m1", false), reaction("a", "+", "m1")]);
    expect(await reactions(archive)).toEqual([
      ["+", ["m2", "m1"]],
      ["__proto__", ["m3"]],
    ]);
  });

  it("keeps so many different reactions of a message, and so many members of them", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("a"),
      ...Array.from({ length: maxReactions - 1 }, (_, index) => reaction("a", `r${index}`)),
    ]);
    await archive.apply([reaction("a", "at")]);
    expect(await reactions(archive)).toHaveLength(maxReactions);
    await archive.apply([reaction("a", "above"), reaction("a", "at", "m1")]);
    expect(await reactions(archive)).toHaveLength(maxReactions);
    const rest = maxReactionMembers - maxReactions - 1;
    await archive.apply(Array.from({ length: rest }, (_, index) => reaction("a", "r0", `n${index}`)));
    const count = async () => (await reactions(archive)).reduce((sum, [, members]) => sum + members.length, 0);
    expect(await count()).toBe(maxReactionMembers);
    await archive.apply([reaction("a", "r0", "above")]);
    expect(await count()).toBe(maxReactionMembers);
  });
}

function describeStates(bench: Bench<Archive>): void {
  it("follows what became of a message, and keeps the path that is told", async () => {
    const { port: archive } = await bench.open();
    const state = (state: DeliveryState, path?: "direct"): ArchiveChange => ({
      type: "state",
      conversation: channel,
      id: "a",
      state,
      ...(path === undefined ? {} : { path }),
    });
    const now = async () => [(await shown(archive))?.state, (await shown(archive))?.path];
    await archive.apply([said("a", { own: true, state: "accepted", path: undefined }), state("stored")]);
    expect(await now()).toEqual(["stored", undefined]);
    await archive.apply([state("delivered", "direct"), state("stored"), state("handled")]);
    expect(await now()).toEqual(["handled", "direct"]);
    await archive.apply([retract("a"), state("read"), state("expired")]);
    expect(await now()).toEqual(["read", "direct"]);
    await archive.apply([{ type: "state", conversation: channel, id: "none", state: "read" }, said("none")]);
    expect((await shown(archive, "none"))?.state).toBeUndefined();
  });
}

function describeOpened(bench: Bench<Archive>): void {
  it("shows what could be opened after all, once", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([opened("a", "too early"), closed("a"), said("plain")]);
    expect([(await shown(archive))?.content, (await shown(archive))?.unreadable]).toEqual([sealed, "no-secret"]);
    await archive.apply([opened("a", "inside"), opened("plain", "other")]);
    expect(await textsOf(archive)).toEqual(["a: inside", "plain: text of plain"]);
    expect((await shown(archive))?.unreadable).toBeUndefined();
    await archive.apply([edit("a", "edited"), opened("a", "inside")]);
    expect(await textsOf(archive)).toEqual(["a: edited", "plain: text of plain"]);
  });

  it("lets an edit wait until its message is open, and forgets it when the message is taken back", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([edit("a", "first", 2), closed("a"), edit("a", "second", 3), reaction("a", "+"), closed("b")]);
    expect([(await shown(archive))?.content, (await shown(archive))?.reactions]).toEqual([sealed, { "+": [mate] }]);
    await archive.apply([opened("a", "inside"), edit("b", "never"), retract("b"), opened("b", "inside")]);
    expect(await textsOf(archive)).toEqual(["a: second", "b: retract"]);
  });
}

function describeOpenedChanges(bench: Bench<Archive>): void {
  const turnedOut = (id: string, content: AnyContent): ArchiveChange => ({
    type: "opened",
    conversation: channel,
    id,
    content,
  });

  it("does what an edit, a retraction or a reaction says that could be opened after all, and keeps no message of it", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a"), said("b"), said("c"), closed("1"), closed("2"), closed("3"), closed("4")]);
    expect((await archive.conversations()).map(({ messages, unread }) => [messages, unread])).toEqual([[7, 7]]);
    await archive.apply([
      turnedOut("1", { type: "edit", of: "a", text: "mended" }),
      turnedOut("2", { type: "retract", of: "b" }),
      turnedOut("3", { type: "reaction", of: "c", reaction: "+", on: true }),
      turnedOut("4", { type: "edit", of: "later", text: "waited" }),
    ]);
    expect(await textsOf(archive)).toEqual(["a: mended", "b: retract", "c: text of c"]);
    expect((await shown(archive))?.edited).toBe((await shown(archive, "c"))?.created);
    expect((await shown(archive, "c"))?.reactions).toEqual({ "+": [mate] });
    const [summary] = await archive.conversations();
    expect([summary?.messages, summary?.unread, summary?.last?.id]).toEqual([3, 3, "c"]);
    expect((await archive.search({ text: "mended" })).map(({ id }) => id)).toEqual(["a"]);
    await archive.apply([said("later"), turnedOut("1", { type: "retract", of: "a" })]);
    expect(await textsOf(archive)).toEqual(["a: mended", "b: retract", "c: text of c", "later: waited"]);
  });

  it("believes of what could be opened only what its author may change, and refuses what is not of the form", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a", { author: "somebody" }), closed("1"), closed("2"), said("plain")]);
    await archive.apply([
      turnedOut("1", { type: "retract", of: "a" }),
      turnedOut("plain", { type: "retract", of: "a" }),
    ]);
    expect(await textsOf(archive)).toEqual(["a: text of a", "2: sealed", "plain: text of plain"]);
    const tooLong = { type: "retract", of: "x".repeat(65) } as const;
    await expectCode(archive.apply([turnedOut("2", tooLong)]), "invalid_argument");
  });
}

function describeWaiting(bench: Bench<Archive>): void {
  it("keeps changes until their message is there, and applies them in their order", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([edit("a", "mended"), reaction("a", "+", "m1"), reaction("a", "-", "m1")]);
    await archive.apply([reaction("a", "+", "m1", false), edit("a", "by another", 9, "somebody"), retract("b")]);
    expect(await archive.conversations()).toEqual([]);
    await archive.apply([said("b"), said("a"), said("c")]);
    expect(await textsOf(archive)).toEqual(["b: retract", "a: mended", "c: text of c"]);
    expect((await shown(archive))?.reactions).toEqual({ "-": ["m1"] });
    expect((await archive.search({ text: "mended" })).map(({ id }) => id)).toEqual(["a"]);
  });

  it("applies those with a time in the order of it, whichever came first", async () => {
    const { port: archive } = await bench.open();
    const made = (of: string, at: number, on: boolean): ArchiveChange => ({
      type: "reaction",
      conversation: channel,
      of,
      by: mate,
      reaction: "+",
      on,
      at,
    });
    await archive.apply([made("a", 3, false), made("b", 2, true)]);
    await archive.apply([made("a", 1, true), made("b", 1, false), said("a"), said("b")]);
    expect((await shown(archive))?.reactions).toEqual({});
    expect((await shown(archive, "b"))?.reactions).toEqual({ "+": [mate] });
  });

  it("keeps so many of them in a conversation, the newest", async () => {
    const { port: archive } = await bench.open();
    const waiting = (from: number, to: number): ArchiveChange[] =>
      Array.from({ length: to - from + 1 }, (_, index) => edit(`m${from + index}`, "mended"));
    await archive.apply(waiting(1, maxWaitingChanges));
    await archive.apply([said("m1")]);
    expect(await textsOf(archive)).toEqual(["m1: mended"]);
    // One place is free again, so the third of these is one too many.
    await archive.apply([...waiting(1000, 1001), said("m2"), said("m3")]);
    expect(await textsOf(archive)).toEqual(["m1: mended", "m2: text of m2", "m3: mended"]);
    await archive.apply([edit("m2", "mended"), said("m1001"), said("other", { conversation: "#other" })]);
    expect(await textsOf(archive)).toEqual(["m1: mended", "m2: mended", "m3: mended", "m1001: mended"]);
  });

  it("keeps so many bytes of them in a conversation, the newest", async () => {
    const { port: archive } = await bench.open();
    const long = "x".repeat(limits.envelopeBytes);
    const overhead = JSON.stringify(edit("m1", "")).length;
    const rest = maxWaitingBytes - 3 * (long.length + overhead) - overhead;
    const waiting = [edit("m1", "x".repeat(rest)), ...["m2", "m3", "m4"].map((of) => edit(of, long))];
    const kept = async () => (await textsOf(archive)).map((each) => each.length > 1000);
    await archive.apply([...waiting, ...["m1", "m2", "m3", "m4"].map((id) => said(id))]);
    expect(await kept()).toEqual([true, true, true, true]);
    await archive.remove(channel);
    const [first, ...others] = waiting;
    await archive.apply([
      edit("m1", `${"x".repeat(rest)}y`),
      ...others,
      ...["m1", "m2", "m3", "m4"].map((id) => said(id)),
    ]);
    expect([first?.type, await kept()]).toEqual(["edit", [false, true, true, true]]);
  });
}
