import type { ArchivedMessage } from "@parley/core";
import { expect, it } from "vitest";

import { messageJson, messageLines, spokenText } from "../src/message-view.ts";
import { Presenter } from "../src/presenter.ts";
import { said } from "./said.ts";

const sink = { write: () => undefined };
const out = new Presenter({ json: false, out: sink, err: sink, environment: {} });
const now = new Date(2026, 10, 20, 20).getTime();
const ref = {
  name: "a\u202Eb.txt",
  type: "text/plain",
  size: 4,
  sha256: "B".repeat(43),
  key: "K".repeat(43),
  expires: 5,
  parts: [{ hash: "ab".repeat(32), bytes: 20 }],
};

it("shows when, which, who, how it was protected, and what", () => {
  expect(messageLines(out, said(), now)).toEqual(["14:03:22  aB3dEf.7  @ada  (direct, sealed)  hello"]);
  const own = said({ own: true, state: "handled", protection: "secret", edited: 5, mentioned: true });
  expect(messageLines(out, own, now, "#general")).toEqual([
    "14:03:22  aB3dEf.7  #general  @ada  (direct, shared secret, handled, edited, calls you)  hello",
  ]);
});

it("shows attachments, reactions, threads and answers, and no key", () => {
  const content = { type: "text", text: "see", attachments: [ref], thread: "x".repeat(22), answers: "y".repeat(22) };
  const message = said({ content, reactions: { "👍": ["a", "b"] }, replies: 3 });
  expect(messageLines(out, message, now)).toEqual([
    "14:03:22  aB3dEf.7  @ada  (direct, sealed, answers yyyyyyyy, thread xxxxxxxx)  see",
    "  attached: a\\u{202e}b.txt  4 bytes  text/plain  id BBBBBBBB",
    "  👍 2  3 in its thread",
  ]);
  expect(JSON.stringify(messageJson(message))).not.toContain("KKK");
});

it("neutralises what would steer a terminal, in text and names", () => {
  const lines = messageLines(
    out,
    said({ name: "a\u001B[2J", content: { type: "text", text: "\u001B]0;x\u0007" } }),
    now,
  );
  expect(lines.join("")).not.toMatch(/\p{Cc}/u);
});

it.each<[string, Partial<ArchivedMessage>, RegExp]>([
  ["what was taken back", { retracted: 5, content: { type: "retract", of: "x" } }, /^\(taken back\)$/],
  ["what has no secret", { unreadable: "no-secret" }, /shared secret that this device does not have/],
  ["what has another secret", { unreadable: "wrong-secret" }, /another shared secret/],
  ["what is older than the group", { unreadable: "no-group" }, /could not read the channel/],
  ["what nobody signed", { unreadable: "bad-signature" }, /signature does not match/],
  ["what is of a later kind", { unreadable: "unknown", content: { type: "hologram" } }, /cannot show/],
  ["what is of a later kind and not marked", { content: { type: "hologram" } }, /cannot show/],
])("says of %s why it is not shown", (_, change, says) => {
  expect(spokenText(said(change))).toMatch(says);
});

it("keeps the lines of a message apart from the lines of others", () => {
  const forged = "14:03:23  aB3dEf.8  @bob  (direct, sealed)  yes";
  const content = { type: "text", text: `one\n${forged}` };
  expect(messageLines(out, said({ content }), now)).toEqual([
    `14:03:22  aB3dEf.7  @ada  (direct, sealed)  one\n    ${forged}`,
  ]);
});

it("names whom the door speaks for, who is no member", () => {
  const via = { edge: "door" as const, id: "g1", name: "guest", standing: "unproven" as const };
  expect(messageLines(out, said({ via, name: "door", protection: "door", path: undefined }), now)).toEqual([
    "14:03:22  aB3dEf.7  guest [unproven, by @door]  (by the plain door, readable by the registry)  hello",
  ]);
});
