import type { ArchivedMessage } from "@parley/core";

const member = "A".repeat(43);

/** A message that is remembered. */
export const said = (change: Partial<ArchivedMessage> = {}): ArchivedMessage => ({
  conversation: `@${member}`,
  id: "-_aB3dEfGhIjKlMnOpQrSt.7",
  sort: 7,
  author: member,
  name: "ada",
  device: member,
  created: new Date(2026, 10, 20, 14, 3, 22).getTime(),
  taken: 1,
  content: { type: "text", text: "hello" },
  path: "direct",
  protection: "sealed",
  own: false,
  edited: undefined,
  retracted: undefined,
  reactions: {},
  replies: 0,
  ...change,
});
