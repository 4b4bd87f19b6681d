import type { NewMessage } from "@parley/core";

/** Messages that the archive under test keeps. */
export const archiveBounds = { maxMessages: 1500 };

/** Every tenth is said in a conversation that is removed now and then. */
export const conversationOf = (number: number): string => (number % 10 === 0 ? "#removed" : "#kept");

export const messageOf = (number: number): NewMessage => ({
  conversation: conversationOf(number),
  id: `n${number}`,
  sort: number,
  author: "mate",
  name: "mate",
  device: undefined,
  created: number,
  taken: number,
  content: { type: "text", text: `plain${number}`, ...(number % 7 === 0 ? { thread: `n${number - 6}` } : {}) },
  path: undefined,
  protection: "sealed",
  mentioned: number % 4 === 0,
  own: number % 5 === 0,
});
