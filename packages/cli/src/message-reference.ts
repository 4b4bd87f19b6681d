/** Short names of messages in a conversation: what `history` prints, and any part of an id that leaves no doubt. */
import type { ConversationApi } from "@parley/client";
import type { ArchivedMessage } from "@parley/core";
import { messageIdSchema, ParleyError } from "@parley/protocol";

import { shortReference } from "./delivery-reference.ts";

/** A device, as far as it remembers what was said. */
interface Remembering {
  readonly conversations: Pick<ConversationApi, "messages">;
}

/** Characters of a short id of a post. */
const shortCharacters = 8;
/** Characters that a part of a post's id has at least. */
const leastCharacters = 4;
/** Messages that are looked through for a part of an id, the newest first. */
const mostLooked = 5000;
const pageSize = 200;
/** Candidates that an error names. */
const mostNamed = 8;

/** 16 bytes in base64url, of a direct message followed by its number. */
const wholeId = /^[\w-]{22}(?:\.\d{1,16})?$/;

/** It begins with a letter or digit, so that no shell and no option parser minds it. */
export function shortMessageId(id: string): string {
  if (id.includes(".")) return shortReference(id);
  const first = id.search(/[A-Za-z\d]/);
  return id.slice(Math.max(0, first)).slice(0, shortCharacters);
}

/** Whether a part of an id stands for an id. */
export function isReferenceTo(text: string, id: string): boolean {
  if (text === id) return true;
  const [dot, dotOfId] = [text.lastIndexOf("."), id.lastIndexOf(".")];
  if (dot < 0 || dotOfId < 0) return dot === dotOfId && text.length >= leastCharacters && id.includes(text);
  return text.slice(dot) === id.slice(dotOfId) && id.slice(0, dotOfId).includes(text.slice(0, dot));
}

/** The whole id of a message that a part of it names; a whole one is taken as it is. */
export async function messageIdOf(device: Remembering, conversation: string, text: string): Promise<string> {
  return wholeId.test(text) ? text : (await findMessage(device, conversation, text)).id;
}

/**
 * The message of a conversation that a part of its id names. Throws `not_found`, or `invalid_argument` with the candidates when
 * several fit.
 */
export async function findMessage(device: Remembering, conversation: string, text: string): Promise<ArchivedMessage> {
  if (!messageIdSchema.safeParse(text).success)
    throw new ParleyError("invalid_argument", {
      message: `"${text}" is not the id of a message; \`parley history\` shows them.`,
    });
  const fitting: ArchivedMessage[] = [];
  let looked = 0;
  for (let before: number | undefined, more = true; more && looked < mostLooked;) {
    const query = { conversation, limit: pageSize, ...(before === undefined ? {} : { before }) };
    const page = await device.conversations.messages(query);
    const exact = page.messages.find(({ id }) => id === text);
    if (exact !== undefined) return exact;
    fitting.push(...page.messages.filter(({ id }) => isReferenceTo(text, id)));
    looked += page.messages.length;
    before = page.messages[0]?.sort;
    more = page.more && before !== undefined;
  }
  const [first, second] = fitting;
  if (first === undefined)
    throw new ParleyError("not_found", { message: `This device remembers no message ${text} of this conversation.` });
  if (second === undefined) return first;
  const candidates = fitting.slice(0, mostNamed).map(({ id }) => id);
  throw new ParleyError("invalid_argument", {
    message: `"${text}" fits ${fitting.length} messages; say more of one of these: ${candidates.join(", ")}.`,
    data: { candidates },
  });
}
