import type { SQLInputValue } from "node:sqlite";

import type { ArchivedMessage } from "@parley/core";
import { messageBytes } from "@parley/core";

import { numberIn, optionalNumberIn, optionalTextIn, type Row, textIn } from "./column.ts";

/** Columns of a message that its row in `conversation` does not have. */
export const messageColumns = `
  message.place, message.id, message.sort, message.own, message.mentioned, message.replies, message.bytes, message.author, message.name,
  message.device, message.created, message.taken, message.path, message.protection, message.unreadable, message.state, message.edited,
  message.retracted, message.reactions, message.via, message.content`;

/** Reads JSON that this package wrote. */
const parse = (text: string): unknown => JSON.parse(text);

const optional = <Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } =>
  (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };

/** A message of the conversation with this name. The columns hold what they were given, so their values are of the types there. */
export function messageIn(row: Row, conversation: string): ArchivedMessage {
  const mentioned = optionalNumberIn(row, "mentioned");
  const reactions = optionalTextIn(row, "reactions");
  const via = optionalTextIn(row, "via");
  return {
    conversation,
    id: textIn(row, "id"),
    sort: numberIn(row, "sort"),
    author: textIn(row, "author"),
    name: textIn(row, "name"),
    device: optionalTextIn(row, "device"),
    created: numberIn(row, "created"),
    taken: numberIn(row, "taken"),
    content: parse(textIn(row, "content")) as ArchivedMessage["content"],
    path: optionalTextIn(row, "path") as ArchivedMessage["path"],
    protection: textIn(row, "protection") as ArchivedMessage["protection"],
    ...optional("unreadable", optionalTextIn(row, "unreadable") as ArchivedMessage["unreadable"]),
    ...optional("via", via === undefined ? undefined : (parse(via) as ArchivedMessage["via"])),
    ...optional("state", optionalTextIn(row, "state") as ArchivedMessage["state"]),
    ...optional("mentioned", mentioned === undefined ? undefined : mentioned === 1),
    own: numberIn(row, "own") === 1,
    edited: optionalNumberIn(row, "edited"),
    retracted: optionalNumberIn(row, "retracted"),
    reactions: reactions === undefined ? {} : (parse(reactions) as ArchivedMessage["reactions"]),
    replies: numberIn(row, "replies"),
  };
}

/** The columns that a change may change, in the order of `changeable`. */
export const changeable = [
  "thread",
  "mentioned",
  "bytes",
  "path",
  "unreadable",
  "state",
  "edited",
  "retracted",
  "reactions",
  "via",
  "content",
] as const;

export function changeableValues(message: ArchivedMessage, thread: string | undefined): readonly SQLInputValue[] {
  const { mentioned, path, unreadable, state, edited, retracted, reactions, via, content } = message;
  return [
    thread ?? null,
    mentioned === undefined ? null : Number(mentioned),
    messageBytes(message),
    path ?? null,
    unreadable ?? null,
    state ?? null,
    edited ?? null,
    retracted ?? null,
    Object.keys(reactions).length === 0 ? null : JSON.stringify(reactions),
    via === undefined ? null : JSON.stringify(via),
    JSON.stringify(content),
  ];
}
