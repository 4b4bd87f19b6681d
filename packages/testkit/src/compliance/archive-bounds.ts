import type { Archive } from "@parley/core";
import { expect, it } from "vitest";

import { archiveBoundsUnderTest, channel, ids, message, said, text } from "./archive-messages.ts";
import type { Bench } from "./subject.ts";

const { maxMessages, maxBytes, maxConversations } = archiveBoundsUnderTest;

/** What an Archive drops beyond its bounds. */
export function describeArchiveBounds(bench: Bench<Archive>): void {
  it("keeps so many messages, and drops what came first beyond that, with all that was counted of it", async () => {
    const { port: archive } = await bench.open();
    const total = async (): Promise<number> =>
      (await archive.conversations()).reduce((sum, { messages }) => sum + messages, 0);
    await archive.apply([
      said("root", { conversation: "#old" }),
      said("old", { conversation: "#old", mentioned: true }),
    ]);
    await archive.apply([
      said("answer", { content: { type: "text", text: "answer", thread: "root" }, sort: 9_999 }),
      ...Array.from({ length: maxMessages - 4 }, (_, index) => said(`m${index}`)),
    ]);
    expect(await total()).toBe(maxMessages - 1);
    await archive.apply([said("at", { conversation: "#old", content: { type: "text", text: "at", thread: "root" } })]);
    expect(await total()).toBe(maxMessages);
    expect((await archive.message("#old", "root"))?.replies).toBe(1);
    await archive.apply([said("above"), said("more", { conversation: "#old" })]);
    expect(await total()).toBe(maxMessages);
    expect(await ids(archive, "#old")).toEqual(["at", "more"]);
    const [old] = (await archive.conversations()).filter(({ conversation }) => conversation === "#old");
    expect([old?.messages, old?.unread, old?.mentions]).toEqual([2, 2, 0]);
    expect((await archive.search({ text: "old" })).map(({ id }) => id)).toEqual([]);
    // The newest by its sort goes when it came first.
    await archive.apply([said("next")]);
    expect(await archive.message(channel, "answer")).toBeUndefined();
    await archive.apply([said("root", { conversation: "#old" })]);
    expect((await archive.message("#old", "root"))?.replies).toBe(1);
    expect((await archive.message("#old", "root"))?.sort).toBe(5);
  });

  it("keeps so many bytes of them, and nothing of one that is larger", async () => {
    const { port: archive } = await bench.open();
    const empty = JSON.stringify(text("")).length;
    const part = maxBytes / 6;
    const large = (id: string, more = 0) => said(id, { content: text("x".repeat(part - empty + more)) });
    await archive.apply(["a", "b", "c", "d", "e"].map((id) => large(id)));
    await archive.apply([large("below", -1)]);
    expect(await ids(archive)).toEqual(["a", "b", "c", "d", "e", "below"].slice(-4));
    const all = async () =>
      (await archive.search({ text: "x", limit: 1 })).length + (await archive.conversations()).length;
    expect(await all()).toBe(2);
    const count = async (): Promise<number | undefined> => (await archive.conversations())[0]?.messages;
    expect(await count()).toBe(6);
    await archive.remove(channel);
    await archive.apply(["a", "b", "c", "d", "e", "at"].map((id) => large(id)));
    expect(await count()).toBe(6);
    await archive.apply([{ type: "reaction", conversation: channel, of: "at", by: "m", reaction: "+", on: true }]);
    expect([await count(), await archive.message(channel, "a")]).toEqual([5, undefined]);
    const via = { edge: "door", id: "i", name: "n", standing: "proven", signed: "x".repeat(part / 2) } as const;
    await archive.apply([said("v", { content: text("x".repeat(part / 4)), via })]);
    expect(await count()).toBe(6);
  });

  it("keeps so many conversations, and drops the one at the end of the list, with all that is in it", async () => {
    const { port: archive } = await bench.open();
    const names = Array.from({ length: maxConversations }, (_, index) => `#c${index}`);
    await archive.apply(names.slice(0, -1).map((conversation) => said("a", { conversation })));
    await archive.apply([said("b", { conversation: "#c0" }), { type: "mark", conversation: "#c1", mark: "m" }]);
    await archive.apply([said("a", { conversation: names.at(-1) ?? "" })]);
    expect(await archive.conversations()).toHaveLength(maxConversations);
    await archive.apply([{ type: "mark", conversation: "#above", mark: "m" }]);
    expect(await archive.conversations()).toHaveLength(maxConversations);
    expect(await ids(archive, "#c1")).toEqual([]);
    expect(await ids(archive, "#c0")).toEqual(["a", "b"]);
    await archive.apply([{ type: "read", conversation: "#above2", upTo: 4 }]);
    expect(await ids(archive, "#c2")).toEqual([]);
    expect((await archive.search({ text: "text" })).length).toBe(maxConversations - 1);
    expect(message("a").conversation).toBe(channel);
  });
}
