import type { Archive, ArchiveChange, MessageQuery, NewMessage, SearchQuery } from "@parley/core";
import {
  maxArchiveChanges,
  maxArchiveIdLength,
  maxArchiveTextLength,
  maxMarkCharacters,
  maxMessageBytes,
  maxSort,
} from "@parley/core";
import type { DeliveryState } from "@parley/protocol";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { channel, ids, mate, said, text } from "./archive-messages.ts";
import type { Bench } from "./subject.ts";
import { expectCode } from "./subject.ts";

const longId = "i".repeat(maxArchiveIdLength);
const longText = "t".repeat(maxArchiveTextLength);
const longReaction = "r".repeat(limits.reactionCharacters);
const longEdit = "e".repeat(limits.envelopeBytes);
const noState = "lost" as DeliveryState;

const edit = { type: "edit", conversation: channel, of: "a", by: mate, at: 1, text: "x" } as const;
const retract = { type: "retract", conversation: channel, of: "a", by: mate, at: 1 } as const;
const reaction = { type: "reaction", conversation: channel, of: "a", by: mate, reaction: "+", on: true } as const;
const state = { type: "state", conversation: channel, id: "a", state: "read" } as const;
const opened = { type: "opened", conversation: channel, id: "a", content: text("x") } as const;
const read = { type: "read", conversation: channel, upTo: 1 } as const;
const mark = { type: "mark", conversation: channel, mark: "m" } as const;

const wrongMessages: readonly Partial<NewMessage>[] = [
  { conversation: "" },
  { conversation: "@" },
  { conversation: "general" },
  { conversation: "#gene ral" },
  { conversation: `#${longId}` },
  { id: "" },
  { id: `${longId}i` },
  { sort: 0 },
  { sort: 1.5 },
  { sort: maxSort + 1 },
  { sort: Number.NaN },
  { author: "" },
  { author: `${longText}t` },
  { name: "" },
  { name: `${longText}t` },
  { device: `${longText}t` },
  { created: -1 },
  { taken: 0.5 },
  { state: noState },
];

const wrongChanges: readonly ArchiveChange[] = [
  ...wrongMessages.map((each) => said("a", each)),
  ...[edit, retract, reaction, state, opened, read, mark].map((each) => ({ ...each, conversation: "a" })),
  ...[edit, retract, reaction].flatMap((each) => [
    { ...each, of: "" },
    { ...each, of: `${longId}i` },
    { ...each, by: "" },
    { ...each, by: `${longText}t` },
  ]),
  { ...edit, at: -1 },
  { ...edit, text: "" },
  { ...edit, text: `${longEdit}e` },
  { ...retract, at: Number.POSITIVE_INFINITY },
  { ...reaction, reaction: "" },
  { ...reaction, reaction: `${longReaction}r` },
  { ...state, id: "" },
  { ...state, state: noState },
  { ...opened, id: `${longId}i` },
  { ...read, upTo: -1 },
  { ...mark, mark: "m".repeat(maxMarkCharacters + 1) },
];

const wrongQueries: readonly Partial<MessageQuery>[] = [
  { conversation: "general" },
  { after: -1 },
  { after: 0.5 },
  { before: -1 },
  { thread: "" },
  { thread: `${longId}i` },
  { limit: 0 },
  { limit: 1.5 },
];

const wrongSearches: readonly Partial<SearchQuery>[] = [
  { text: "" },
  { text: "q".repeat(limits.queryCharacters + 1) },
  { conversation: "general" },
  { author: "" },
  { author: `${longText}t` },
  { limit: 0 },
];

/** What every Archive refuses, and what it just does not. */
export function describeArchiveRefusals(bench: Bench<Archive>): void {
  it("refuses what is not of the form, and nothing of the call takes effect", async () => {
    const { port: archive } = await bench.open();
    for (const change of wrongChanges) await expectCode(archive.apply([said("a"), change]), "invalid_argument");
    const many = Array.from({ length: maxArchiveChanges + 1 }, () => said("a"));
    await expectCode(archive.apply(many), "invalid_argument");
    expect(await archive.conversations()).toEqual([]);
    for (const query of wrongQueries)
      await expectCode(archive.messages({ conversation: channel, ...query }), "invalid_argument");
    for (const query of wrongSearches) await expectCode(archive.search({ text: "a", ...query }), "invalid_argument");
    await expectCode(archive.message("general", "a"), "invalid_argument");
    await expectCode(archive.message(channel, ""), "invalid_argument");
    await expectCode(archive.remove("general"), "invalid_argument");
  });

  it("refuses a message that carries too much", async () => {
    const { port: archive } = await bench.open();
    const content = text("x".repeat(maxMessageBytes - JSON.stringify(text("")).length + 1));
    await expectCode(archive.apply([said("b"), said("a", { content })]), "too_large");
    await expectCode(archive.apply([{ ...opened, content }]), "too_large");
    const half = "ü".repeat(maxMessageBytes / 4);
    const via = { edge: "door", id: "i", name: "n", standing: "proven", signed: half } as const;
    await expectCode(archive.apply([said("a", { content: text(half), via })]), "too_large");
    expect(await ids(archive)).toEqual([]);
  });

  it("takes everything at its limit", async () => {
    const { port: archive } = await bench.open();
    const conversation = `#${longId.slice(1)}`;
    const names = { author: longText, name: longText, device: longText };
    await archive.apply([
      said(longId, { conversation, ...names, created: 0, taken: Number.MAX_SAFE_INTEGER }),
      { ...edit, conversation, of: longId, by: longText, at: 0, text: longEdit },
      { ...reaction, conversation, of: longId, by: longText, reaction: longReaction },
      { ...read, conversation, upTo: Number.MAX_SAFE_INTEGER },
      { ...mark, conversation, mark: "m".repeat(maxMarkCharacters) },
      { ...mark, mark: "" },
    ]);
    const kept = await archive.message(conversation, longId);
    expect(kept?.reactions).toEqual({ [longReaction]: [longText] });
    const [first, second] = await archive.conversations();
    expect([first?.mark, second?.mark?.length, second?.unread]).toEqual(["", maxMarkCharacters, 0]);
    expect((await archive.messages({ conversation, thread: longId })).messages).toHaveLength(1);
    expect(await archive.search({ text: "q".repeat(limits.queryCharacters), author: longText, conversation })).toEqual(
      [],
    );
  });

  it("rejects every call after close, which may come twice", async () => {
    const { port: archive } = await bench.open();
    const under = archive.apply([said("a")]);
    await Promise.all([archive.close(), archive.close()]);
    await under;
    const calls = [
      archive.apply([]),
      archive.conversations(),
      archive.messages({ conversation: channel }),
      archive.message(channel, "a"),
      archive.search({ text: "a" }),
      archive.search({ text: "…" }),
      archive.remove(channel),
    ];
    for (const call of calls) await expectCode(call, "closed");
  });
}
