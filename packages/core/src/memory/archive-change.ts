import type { AnyContent, Via } from "@parley/protocol";
import { knownContent, mayFollow } from "@parley/protocol";

import type { ArchiveChange, ArchivedMessage } from "../ports/archive.ts";
import { maxReactionMembers, maxReactions } from "../ports/archive.ts";

/** A change of one message. */
export type MessageChange = Extract<ArchiveChange, { type: "edit" | "retract" | "reaction" | "state" | "opened" }>;
/** One that waits for its message. */
export type WaitingChange = Extract<MessageChange, { type: "edit" | "retract" | "reaction" }>;

const encoder = new TextEncoder();

/** Bytes as JSON. */
export const jsonBytes = (value: unknown): number => encoder.encode(JSON.stringify(value)).byteLength;

/** What a message counts against the bounds of the archive. */
export function messageBytes({
  content,
  via,
  reactions,
}: Pick<ArchivedMessage, "content" | "via" | "reactions">): number {
  const reacted = Object.keys(reactions).length === 0 ? 0 : jsonBytes(reactions);
  return jsonBytes(content) + (via === undefined ? 0 : jsonBytes(via)) + reacted;
}

/** The first message of the thread that a message belongs to. */
export function threadOf({ id, content }: Pick<ArchivedMessage, "id" | "content">): string | undefined {
  const known = knownContent(content);
  return known?.type === "text" && known.thread !== id ? known.thread : undefined;
}

export const idOfChange = (change: MessageChange): string => ("of" in change ? change.of : change.id);

export const mayWait = (change: MessageChange): change is WaitingChange =>
  change.type === "edit" || change.type === "retract" || change.type === "reaction";

/**
 * What a message that can be opened turns out to be when it is none of its own: a change of another one, by the same author.
 * It goes, and this is applied.
 */
export function openedChange(message: ArchivedMessage, change: MessageChange): WaitingChange | undefined {
  if (change.type !== "opened" || message.retracted !== undefined || !isClosed(message)) return undefined;
  return contentChange(change.content, message.conversation, message.author, message.created);
}

/** An edit, retraction or reaction as the change that it is; undefined for what is a message of its own. */
export function contentChange(
  content: AnyContent | undefined,
  conversation: string,
  by: string,
  at: number,
): WaitingChange | undefined {
  const known = knownContent(content);
  switch (known?.type) {
    case "edit":
      return { type: "edit", conversation, of: known.of, by, at, text: known.text };
    case "retract":
      return { type: "retract", conversation, of: known.of, by, at };
    case "reaction":
      return { type: "reaction", conversation, of: known.of, by, reaction: known.reaction, on: known.on, at };
    case "text":
    case "sealed":
    case undefined:
      return undefined;
  }
}

/** What a change makes of a message: another one, the very same, or nothing yet because it could not be opened so far. */
export function changedMessage(message: ArchivedMessage, change: MessageChange): ArchivedMessage | "waits" {
  if (message.retracted !== undefined && change.type !== "state") return message;
  switch (change.type) {
    case "edit":
      return change.by === message.author ? edited(message, change.at, change.text) : message;
    case "retract":
      return change.by === message.author ? retracted(message, change.at) : message;
    case "reaction":
      return reacted(message, change.by, change.reaction, change.on);
    case "state": {
      const { state, path = message.path } = change;
      if (message.state !== undefined && !mayFollow(message.state, state)) return message;
      return { ...message, state, path };
    }
    case "opened": {
      if (!isClosed(message)) return message;
      const { mentioned = message.mentioned } = change;
      const opened = { ...readable(message), content: change.content };
      return mentioned === undefined ? opened : { ...opened, mentioned };
    }
  }
}

/** A new message after what waited for it, in the order in which it was made; `left` goes on waiting. */
export function withWaiting(
  message: ArchivedMessage,
  waiting: readonly WaitingChange[],
): { readonly message: ArchivedMessage; readonly left: readonly number[] } {
  let now = message;
  const left: number[] = [];
  const inOrder = [...waiting.entries()].sort(([, one], [, other]) => (one.at ?? 0) - (other.at ?? 0));
  for (const [index, change] of inOrder) {
    const next = changedMessage(now, change);
    if (next === "waits") left.push(index);
    else now = next;
  }
  return { message: now, left };
}

/** Whether its content is not known here so far. */
const isClosed = ({ content, unreadable }: ArchivedMessage): boolean =>
  unreadable !== undefined || content.type === "sealed";

function readable(message: ArchivedMessage): ArchivedMessage {
  const { unreadable: _, ...rest } = message;
  return rest;
}

/** What the door knows of its client, without what that client signed: it is not what is shown any more. */
function unsigned(message: ArchivedMessage): { readonly via?: Via } {
  if (message.via === undefined) return {};
  const { edge, id, name, standing } = message.via;
  return { via: { edge, id, name, standing } };
}

function edited(message: ArchivedMessage, at: number, text: string): ArchivedMessage | "waits" {
  if (isClosed(message)) return "waits";
  const content = knownContent(message.content);
  if (content?.type !== "text" || at < (message.edited ?? 0)) return message;
  return { ...message, ...unsigned(message), content: { ...content, text }, edited: at };
}

function retracted(message: ArchivedMessage, at: number): ArchivedMessage {
  const content: AnyContent = { type: "retract", of: message.id };
  return { ...readable(message), ...unsigned(message), content, retracted: at, reactions: {} };
}

function reacted(message: ArchivedMessage, by: string, reaction: string, on: boolean): ArchivedMessage {
  // As a map, since a reaction may be the name of something that objects have.
  const reactions = new Map(Object.entries(message.reactions));
  const members = reactions.get(reaction) ?? [];
  if (members.includes(by) === on) return message;
  const rest = members.filter((member) => member !== by);
  if (on) {
    const all = [...reactions.values()].reduce((sum, { length }) => sum + length, 0);
    if (all >= maxReactionMembers || (members.length === 0 && reactions.size >= maxReactions)) return message;
    reactions.set(reaction, [...members, by]);
  } else if (rest.length > 0) reactions.set(reaction, rest);
  else reactions.delete(reaction);
  return { ...message, reactions: Object.fromEntries(reactions) };
}
