import type { Archive } from "@parley/core";
import { maxArchiveChanges, maxMessageBytes, maxMessagePage, maxSort } from "@parley/core";
import type { AnyContent } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { describeArchiveBounds } from "./archive-bounds.ts";
import { describeArchiveChanges } from "./archive-changes.ts";
import { channel, ids, mate, message, said, text, textsOf } from "./archive-messages.ts";
import { describeArchiveModel } from "./archive-model.ts";
import { describeArchiveRefusals } from "./archive-refusals.ts";
import { describeArchiveSearch } from "./archive-search.ts";
import type { Capability, Setup } from "./subject.ts";
import { Bench, has } from "./subject.ts";

export { archiveBoundsUnderTest } from "./archive-messages.ts";

export interface ArchiveCapabilities {
  /** State outlives a close. */
  readonly persistence?: Capability;
}

/** The behaviour of every Archive. Its subjects are to be opened with `archiveBoundsUnderTest`. */
export function describeArchive(name: string, setup: Setup<Archive>, capabilities: ArchiveCapabilities = {}): void {
  describe(`${name} as an Archive`, () => {
    const bench = new Bench(setup);
    describeMessages(bench);
    describePages(bench);
    describeThreads(bench);
    describeConversations(bench);
    describeRemoval(bench);
    describeArchiveChanges(bench);
    describeArchiveSearch(bench);
    describeArchiveBounds(bench);
    describeArchiveRefusals(bench);
    describeArchiveModel(bench);
    if (has(name, "archive outlives a close", capabilities.persistence)) describePersistence(bench);
  });
}

function describeMessages(bench: Bench<Archive>): void {
  it("keeps every part of a message", async () => {
    const { port: archive } = await bench.open();
    const content: AnyContent = {
      type: "text",
      text: "see «this» \u0000 \ud83d\ude80",
      thread: "root",
      answers: "m0",
      mentions: [{ member: mate }, { all: "reviewer" }],
    };
    const full = message("m1", {
      sort: 7,
      content,
      device: undefined,
      path: "turn",
      protection: "door",
      via: { edge: "door", id: "abc", name: "bob", standing: "proven", key: "k", signature: "s", signed: "x" },
      state: "stored",
      mentioned: true,
      unreadable: "bad-signature",
    });
    await archive.apply([{ type: "message", message: full }]);
    const kept = { ...full, sort: 7, edited: undefined, retracted: undefined, reactions: {}, replies: 0 };
    expect(await archive.message(channel, "m1")).toEqual(kept);
    expect((await archive.messages({ conversation: channel })).messages).toEqual([kept]);
    const later: AnyContent = { type: "poll", question: "when?", answers: [1, null, { at: "noon" }] };
    await archive.apply([said("m2", { content: later })]);
    expect((await archive.message(channel, "m2"))?.content).toEqual(later);
    expect(await archive.message(channel, "m3")).toBeUndefined();
    expect(await archive.message("#other", "m1")).toBeUndefined();
  });

  it("orders by sort, and puts what has none, or one that is taken, behind everything", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a"), said("b", { sort: 9 }), said("c"), said("d", { sort: 4 }), said("e", { sort: 9 })]);
    await archive.apply([said("f")]);
    const { messages } = await archive.messages({ conversation: channel });
    expect(messages.map(({ id, sort }) => `${id} ${sort}`)).toEqual(["a 1", "d 4", "b 9", "c 10", "e 11", "f 12"]);
  });

  it("leaves what is there as it is when it comes again", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a"), said("a", { content: text("another"), own: true })]);
    await archive.apply([said("a", { sort: 5, mentioned: true })]);
    expect(await textsOf(archive)).toEqual(["a: text of a"]);
    const [summary] = await archive.conversations();
    expect([summary?.messages, summary?.unread, summary?.mentions]).toEqual([1, 1, 0]);
    await archive.apply([said("a", { conversation: "#other" })]);
    expect(await textsOf(archive, "#other")).toEqual(["a: text of a"]);
  });

  it("takes calls that are under way together in their order, and nothing of one that is refused", async () => {
    const { port: archive } = await bench.open();
    const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
    const results = await Promise.allSettled(
      names.map((id, index) => archive.apply(index === 20 ? [said("x"), said("")] : [said(id)])),
    );
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect(await ids(archive)).toEqual(names.filter((id) => id !== "m20"));
    await archive.apply([]);
  });

  it("takes as many changes as one call may have, and the largest message and sort", async () => {
    const { port: archive } = await bench.open();
    const empty = JSON.stringify(text("")).length;
    await archive.apply([
      ...Array.from({ length: maxArchiveChanges - 1 }, () => said("a")),
      said("z", { sort: maxSort, content: text("x".repeat(maxMessageBytes - empty)) }),
    ]);
    await archive.apply([said("last")]);
    expect(await ids(archive)).toEqual(["a", "z", "last"]);
    expect((await archive.message(channel, "last"))?.sort).toBe(maxSort + 1);
  });
}

function describePages(bench: Bench<Archive>): void {
  it("gives the newest first page by page, and onwards from a place", async () => {
    const { port: archive } = await bench.open();
    await archive.apply(Array.from({ length: 10 }, (_, index) => said(`m${index + 1}`, { sort: 10 * (index + 1) })));
    const page = async (query: { after?: number; before?: number; limit?: number }): Promise<string> => {
      const { messages, more } = await archive.messages({ conversation: channel, ...query });
      return `${messages.map(({ sort }) => sort / 10).join(" ")}${more ? " …" : ""}`;
    };
    expect(await page({})).toBe("1 2 3 4 5 6 7 8 9 10");
    expect(await page({ limit: 10 })).toBe("1 2 3 4 5 6 7 8 9 10");
    expect(await page({ limit: 9 })).toBe("2 3 4 5 6 7 8 9 10 …");
    expect(await page({ limit: 3 })).toBe("8 9 10 …");
    expect(await page({ limit: 3, before: 80 })).toBe("5 6 7 …");
    expect(await page({ limit: 3, before: 40 })).toBe("1 2 3");
    expect(await page({ limit: 3, before: 10 })).toBe("");
    expect(await page({ limit: 3, before: 0 })).toBe("");
    expect(await page({ limit: 3, after: 0 })).toBe("1 2 3 …");
    expect(await page({ limit: 3, after: 70 })).toBe("8 9 10");
    expect(await page({ limit: 3, after: 75 })).toBe("8 9 10");
    expect(await page({ limit: 3, after: 100 })).toBe("");
    expect(await page({ limit: 3, after: 20, before: 90 })).toBe("3 4 5 …");
    expect(await page({ limit: 3, after: 50, before: 90 })).toBe("6 7 8");
    expect(await page({ after: 60, before: 50 })).toBe("");
    expect(await archive.messages({ conversation: "#other" })).toEqual({ messages: [], more: false });
  });

  it("gives fifty unless asked otherwise, and never more than a page may have", async () => {
    const { port: archive } = await bench.open();
    await archive.apply(Array.from({ length: maxMessagePage + 1 }, (_, index) => said(`m${index}`)));
    const length = async (limit?: number): Promise<number> =>
      (await archive.messages({ conversation: channel, ...(limit === undefined ? {} : { limit }) })).messages.length;
    expect(await length()).toBe(50);
    expect(await length(maxMessagePage - 1)).toBe(maxMessagePage - 1);
    expect(await length(maxMessagePage)).toBe(maxMessagePage);
    expect(await length(maxMessagePage + 1)).toBe(maxMessagePage);
    expect((await archive.search({ text: "text", limit: maxMessagePage + 1 })).length).toBe(maxMessagePage);
  });

  it("gives fewer where they are large, and goes on from there", async () => {
    const { port: archive } = await bench.open();
    const large = "x".repeat(maxMessageBytes - 100);
    await archive.apply(Array.from({ length: 5 }, (_, index) => said(`m${index}`, { content: text(`w ${large}`) })));
    const newest = await archive.messages({ conversation: channel });
    expect([newest.messages.map(({ id }) => id).join(), newest.more]).toEqual(["m1,m2,m3,m4", true]);
    const rest = await archive.messages({ conversation: channel, before: newest.messages[0]?.sort ?? 0 });
    expect([rest.messages.map(({ id }) => id).join(), rest.more]).toEqual(["m0", false]);
    const oldest = await archive.messages({ conversation: channel, after: 0 });
    expect([oldest.messages.map(({ id }) => id).join(), oldest.more]).toEqual(["m0,m1,m2,m3", true]);
    expect((await archive.search({ text: "w" })).map(({ id }) => id).join()).toBe("m4,m3,m2,m1");
  });
}

function describeThreads(bench: Bench<Archive>): void {
  const reply = (id: string, thread: string, sort?: number) =>
    said(id, { content: { type: "text", text: id, thread }, ...(sort === undefined ? {} : { sort }) });
  const thread = async (archive: Archive, query: { after?: number; before?: number; limit?: number } = {}) => {
    const page = await archive.messages({ conversation: channel, thread: "root", ...query });
    return `${page.messages.map(({ id }) => id).join(" ")}${page.more ? " …" : ""}`;
  };
  const replies = async (archive: Archive, id = "root") => (await archive.message(channel, id))?.replies;

  it("counts what belongs to a thread, whichever came first, and gives it with its first message", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([reply("r1", "root", 20), said("other", { sort: 30 }), reply("r2", "root", 40)]);
    expect(await thread(archive)).toBe("r1 r2");
    await archive.apply([said("root", { sort: 10 }), reply("r3", "root", 50), reply("nested", "r1", 60)]);
    expect(await thread(archive)).toBe("root r1 r2 r3");
    expect(await replies(archive)).toBe(3);
    expect(await replies(archive, "r1")).toBe(1);
    expect(await replies(archive, "other")).toBe(0);
    expect(await thread(archive, { limit: 2 })).toBe("r2 r3 …");
    expect(await thread(archive, { limit: 2, before: 40 })).toBe("root r1");
    expect(await thread(archive, { limit: 2, after: 0 })).toBe("root r1 …");
    expect(await thread(archive, { limit: 2, after: 20 })).toBe("r2 r3");
    expect(await thread(archive, { limit: 4 })).toBe("root r1 r2 r3");
    expect(await thread(archive, { limit: 3 })).toBe("r1 r2 r3 …");
  });

  it("counts what was taken back, what could be opened late, and not what names itself", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("root", { content: { type: "text", text: "root", thread: "root" } }),
      reply("r1", "root"),
      said("r2", { content: { type: "encrypted" }, unreadable: "no-group" }),
    ]);
    expect(await replies(archive)).toBe(1);
    await archive.apply([
      { type: "retract", conversation: channel, of: "r1", by: mate, at: 5 },
      { type: "opened", conversation: channel, id: "r2", content: { type: "text", text: "hi", thread: "root" } },
      { type: "edit", conversation: channel, of: "r2", by: mate, at: 6, text: "ho" },
    ]);
    expect([await replies(archive), await thread(archive)]).toEqual([2, "root r1 r2"]);
  });
}

function describeConversations(bench: Bench<Archive>): void {
  const counts = async (archive: Archive): Promise<readonly string[]> =>
    (await archive.conversations()).map(
      ({ conversation, messages, unread, mentions, read }) =>
        `${conversation} ${messages} ${unread} ${mentions} ${read}`,
    );

  it("counts what was not read, and what of that calls this member", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("a", { sort: 10 }),
      said("b", { sort: 20, mentioned: true }),
      said("c", { sort: 30, own: true, mentioned: true }),
      said("d", { sort: 40, mentioned: true }),
    ]);
    expect(await counts(archive)).toEqual([`${channel} 4 3 2 0`]);
    const read = (upTo: number): Promise<void> => archive.apply([{ type: "read", conversation: channel, upTo }]);
    await read(20);
    expect(await counts(archive)).toEqual([`${channel} 4 1 1 20`]);
    await read(19);
    await archive.apply([said("e", { sort: 15 }), said("f", { sort: 35 }), said("g", { sort: 50, mentioned: true })]);
    expect(await counts(archive)).toEqual([`${channel} 7 3 2 20`]);
    await read(40);
    expect(await counts(archive)).toEqual([`${channel} 7 1 1 40`]);
    await read(60);
    await archive.apply([said("h", { sort: 60 }), said("i", { sort: 61 })]);
    expect(await counts(archive)).toEqual([`${channel} 9 1 0 60`]);
  });

  it("counts a call that was found when a message could be opened", async () => {
    const { port: archive } = await bench.open();
    const sealed = (id: string, rest: object = {}) =>
      said(id, { content: { type: "encrypted" }, unreadable: "no-group", ...rest });
    await archive.apply([sealed("a"), sealed("b", { mentioned: true }), sealed("c"), sealed("d", { own: true })]);
    const opened = (id: string, mentioned?: boolean) =>
      ({
        type: "opened",
        conversation: channel,
        id,
        content: text(id),
        ...(mentioned === undefined ? {} : { mentioned }),
      }) as const;
    await archive.apply([opened("a", true), opened("b"), opened("d", true)]);
    expect(await counts(archive)).toEqual([`${channel} 4 3 2 0`]);
    await archive.apply([{ type: "read", conversation: channel, upTo: 3 }, opened("c", true)]);
    expect(await counts(archive)).toEqual([`${channel} 4 0 0 3`]);
  });

  it("lists first the one that a new last message came to last", async () => {
    const { port: archive } = await bench.open();
    const order = async (): Promise<string> =>
      (await archive.conversations()).map(({ conversation, last }) => `${conversation} ${last?.id ?? "-"}`).join();
    await archive.apply([said("a", { conversation: "#one" }), said("b", { conversation: "#two", sort: 50 })]);
    await archive.apply([{ type: "mark", conversation: "#three", mark: "here" }]);
    expect(await order()).toBe("#three -,#two b,#one a");
    await archive.apply([said("c", { conversation: "#one" })]);
    await archive.apply([said("older", { conversation: "#two", sort: 40 })]);
    await archive.apply([{ type: "read", conversation: "#two", upTo: 50 }]);
    await archive.apply([{ type: "edit", conversation: "#two", of: "b", by: mate, at: 9, text: "changed" }]);
    expect(await order()).toBe("#one c,#three -,#two b");
    const [, , two] = await archive.conversations();
    expect(two?.last?.content).toEqual(text("changed"));
  });

  it("keeps a mark, and does not list what has neither a mark nor a message", async () => {
    const { port: archive } = await bench.open();
    const marks = async () => (await archive.conversations()).map(({ conversation, mark }) => [conversation, mark]);
    const mark = (conversation: string, mark: string | undefined) =>
      archive.apply([{ type: "mark", conversation, mark }]);
    await mark(channel, "1");
    await mark(channel, "2");
    await mark("#other", undefined);
    await archive.apply([{ type: "read", conversation: "#third", upTo: 3 }]);
    expect(await marks()).toEqual([[channel, "2"]]);
    await mark(channel, undefined);
    expect(await marks()).toEqual([]);
    await archive.apply([said("a", { conversation: "#third", sort: 3 }), said("b", { conversation: "#third" })]);
    expect(await counts(archive)).toEqual(["#third 2 1 0 3"]);
  });
}

function describeRemoval(bench: Bench<Archive>): void {
  it("forgets a conversation whole, and begins it anew", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([said("a"), said("b"), said("c", { conversation: "#other" })]);
    await archive.apply([
      { type: "mark", conversation: channel, mark: "m" },
      { type: "read", conversation: channel, upTo: 1 },
      { type: "reaction", conversation: channel, of: "d", by: mate, reaction: "+", on: true },
    ]);
    await archive.remove(channel);
    await archive.remove("#unknown");
    expect((await archive.conversations()).map(({ conversation }) => conversation)).toEqual(["#other"]);
    expect(await ids(archive)).toEqual([]);
    expect(await archive.message(channel, "a")).toBeUndefined();
    expect((await archive.search({ text: "text" })).map(({ id }) => id)).toEqual(["c"]);
    await archive.apply([said("d"), said("a")]);
    expect(await ids(archive)).toEqual(["d", "a"]);
    const [again] = await archive.conversations();
    expect([again?.messages, again?.unread, again?.read, again?.mark]).toEqual([2, 2, 0, undefined]);
    expect((await archive.message(channel, "d"))?.reactions).toEqual({});
    expect((await archive.message(channel, "a"))?.sort).toBe(2);
  });
}

function describePersistence(bench: Bench<Archive>): void {
  it("has everything when opened again, also what waits", async () => {
    const { port: archive, subject } = await bench.open();
    await archive.apply([
      said("a", { mentioned: true }),
      said("b", { content: { type: "text", text: "b", thread: "a" } }),
    ]);
    await archive.apply([
      { type: "reaction", conversation: channel, of: "a", by: mate, reaction: "+", on: true },
      { type: "edit", conversation: channel, of: "c", by: mate, at: 4, text: "mended" },
      { type: "mark", conversation: channel, mark: "m" },
      { type: "read", conversation: channel, upTo: 1 },
    ]);
    const before = [await archive.conversations(), await archive.messages({ conversation: channel })];
    const again = await bench.reopen(subject);
    const reopened = again?.port ?? archive;
    expect([await reopened.conversations(), await reopened.messages({ conversation: channel })]).toEqual(before);
    await reopened.apply([said("c"), said("d", { conversation: "#other" })]);
    expect(await textsOf(reopened)).toEqual(["a: text of a", "b: b", "c: mended"]);
    expect((await reopened.search({ text: "mend" })).map(({ id }) => id)).toEqual(["c"]);
    expect((await reopened.conversations()).map(({ conversation }) => conversation)).toEqual(["#other", channel]);
  });
}
