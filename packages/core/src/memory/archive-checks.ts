import type { AnyContent, Via } from "@parley/protocol";
import { deliveryStates, limits, ParleyError } from "@parley/protocol";

import type {
  ArchiveChange,
  ArchivedMessage,
  MessagePage,
  MessageQuery,
  NewMessage,
  SearchQuery,
} from "../ports/archive.ts";
import {
  defaultMessagePage,
  maxArchiveChanges,
  maxArchiveIdLength,
  maxArchiveTextLength,
  maxMarkCharacters,
  maxMessageBytes,
  maxMessagePage,
  maxMessagePageBytes,
  maxSort,
} from "../ports/archive.ts";
import { checkText, checkWhole } from "../ports/arguments.ts";
import { contentChange, jsonBytes, messageBytes } from "./archive-change.ts";
import { searchWords } from "./archive-words.ts";

const refused = (message: string): ParleyError => new ParleyError("invalid_argument", { message });
const checkId = (what: string, id: string): void => checkText(what, id, maxArchiveTextLength);

export function checkConversation(conversation: string): void {
  if (/^[@#][A-Za-z0-9_-]+$/.test(conversation) && conversation.length <= maxArchiveIdLength) return;
  throw refused("A conversation is @<member id> or #<channel id>.");
}

export function checkMessageId(id: string): void {
  checkText("id of a message", id, maxArchiveIdLength);
}

/** About how many bytes they write. */
export function checkChanges(changes: readonly ArchiveChange[]): number {
  if (changes.length > maxArchiveChanges) throw refused(`At most ${maxArchiveChanges} changes at once.`);
  return changes.reduce((sum, change) => sum + checkChange(change), 0);
}

/** What a small change writes. */
const changeBytes = 200;

function checkChange(change: ArchiveChange): number {
  if (change.type === "message") return checkMessage(change.message);
  checkConversation(change.conversation);
  switch (change.type) {
    case "read":
      checkWhole("sort", change.upTo, 0);
      return changeBytes;
    case "mark":
      if ((change.mark?.length ?? 0) > maxMarkCharacters)
        throw refused(`A mark has up to ${maxMarkCharacters} characters.`);
      return changeBytes + (change.mark?.length ?? 0);
    case "state":
      checkMessageId(change.id);
      if (!deliveryStates.includes(change.state)) throw refused("This is no state.");
      return changeBytes;
    case "opened": {
      checkMessageId(change.id);
      const turned = contentChange(change.content, change.conversation, change.id, 0);
      if (turned !== undefined) checkByMember(turned);
      return changeBytes + checkCarried(change.content, undefined);
    }
    case "edit":
    case "retract":
    case "reaction":
      return checkByMember(change);
  }
}

function checkByMember(change: Extract<ArchiveChange, { of: string }>): number {
  checkMessageId(change.of);
  checkId("member", change.by);
  switch (change.type) {
    case "edit":
      checkWhole("time", change.at, 0);
      checkText("text", change.text, limits.envelopeBytes);
      return changeBytes + change.text.length;
    case "retract":
      checkWhole("time", change.at, 0);
      return changeBytes;
    case "reaction":
      if (change.at !== undefined) checkWhole("time", change.at, 0);
      checkText("reaction", change.reaction, limits.reactionCharacters);
      return changeBytes;
  }
}

function checkMessage(message: NewMessage): number {
  checkConversation(message.conversation);
  checkMessageId(message.id);
  checkId("author", message.author);
  checkId("name", message.name);
  if (message.device !== undefined) checkId("device", message.device);
  if (message.state !== undefined && !deliveryStates.includes(message.state)) throw refused("This is no state.");
  checkWhole("time", message.created, 0);
  checkWhole("time", message.taken, 0);
  if (message.sort !== undefined) {
    checkWhole("sort", message.sort, 1);
    if (message.sort > maxSort) throw refused(`The sort goes up to ${maxSort}.`);
  }
  return changeBytes + checkCarried(message.content, message.via);
}

function checkCarried(content: AnyContent, via: Via | undefined): number {
  const bytes = jsonBytes(content) + (via === undefined ? 0 : jsonBytes(via));
  if (bytes <= maxMessageBytes) return bytes;
  throw new ParleyError("too_large", {
    message: `The message has ${bytes} bytes; the limit is ${maxMessageBytes}.`,
    data: { bytes, maxBytes: maxMessageBytes },
  });
}

/** A query with its defaults filled in. */
export interface MessagePlan {
  readonly conversation: string;
  /** Both excluded. */
  readonly after: number;
  readonly before: number;
  readonly oldestFirst: boolean;
  readonly thread: string | undefined;
  readonly limit: number;
}

export function checkMessageQuery({ conversation, after, before, thread, limit }: MessageQuery): MessagePlan {
  checkConversation(conversation);
  if (after !== undefined) checkWhole("sort", after, 0);
  if (before !== undefined) checkWhole("sort", before, 0);
  if (thread !== undefined) checkMessageId(thread);
  return {
    conversation,
    after: after ?? 0,
    before: before ?? Number.MAX_SAFE_INTEGER,
    oldestFirst: after !== undefined,
    thread,
    limit: pageLimit(limit),
  };
}

export interface SearchPlan {
  /** Folded, as `searchWords` has them. */
  readonly words: readonly string[];
  readonly conversation: string | undefined;
  readonly author: string | undefined;
  readonly limit: number;
}

export function checkSearchQuery({ text, conversation, author, limit }: SearchQuery): SearchPlan {
  checkText("text", text, limits.queryCharacters);
  if (conversation !== undefined) checkConversation(conversation);
  if (author !== undefined) checkId("author", author);
  return { words: searchWords(text), conversation, author, limit: pageLimit(limit) };
}

function pageLimit(limit: number = defaultMessagePage): number {
  checkWhole("limit", limit, 1);
  return Math.min(limit, maxMessagePage);
}

/** Takes messages until there are enough of them. */
export class PageFiller {
  readonly messages: ArchivedMessage[] = [];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False, and not taken, when no more fit; the first one always does. */
  take(message: ArchivedMessage): boolean {
    const bytes = messageBytes(message);
    const { length } = this.messages;
    if (length >= this.#limit || (length > 0 && this.#bytes + bytes > maxMessagePageBytes)) return false;
    this.messages.push(message);
    this.#bytes += bytes;
    return true;
  }
}

/** A page of what a plan asks for, of messages in the plan's direction: one more than its limit if there are. */
export function pageOf(found: Iterable<ArchivedMessage>, { limit, oldestFirst }: MessagePlan): MessagePage {
  const filler = new PageFiller(limit);
  let more = false;
  for (const message of found) {
    more = !filler.take(message);
    if (more) break;
  }
  return { messages: oldestFirst ? filler.messages : filler.messages.toReversed(), more };
}
