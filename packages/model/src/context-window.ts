/** What of a conversation is sent to a model: the newest turns that fit. What is left out is declared. */
import type { ModelMessage } from "ai";

import { frame } from "./frame.ts";

/** One message to the agent and what its model made of it. */
export interface Turn {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly messages: readonly ModelMessage[];
}

/** Tokens of a value, estimated at four characters each: no provider's own count is at hand before it is asked. */
export const estimateTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);

/** The newest of earlier turns that fit into so many tokens; a newer one that does not fit leaves no older one in. */
export function newestWithin(turns: readonly Turn[], tokens: number): readonly Turn[] {
  let left = tokens;
  let from = turns.length;
  for (; from > 0; from--) {
    left -= estimateTokens(turns[from - 1]?.messages);
    if (left < 0) break;
  }
  return turns.slice(from);
}

/**
 * The messages of one call: as many earlier turns as fit beside what is said now, with a notice where some are missing. Where what is
 * said now is itself too long, the oldest results of its tools are left out.
 */
export function messagesWithin(
  {
    earlier,
    leftOut,
    now,
  }: { readonly earlier: readonly Turn[]; readonly leftOut: number; readonly now: readonly ModelMessage[] },
  tokens: number,
): ModelMessage[] {
  const own = withoutOldResults(now, tokens);
  const kept = newestWithin(earlier, tokens - estimateTokens(own));
  const missing = leftOut + earlier.length - kept.length;
  const notice: ModelMessage[] =
    missing === 0 ? [] : [{ role: "user", content: frame("notice", { earlierMessagesLeftOut: missing }) }];
  return [...notice, ...kept.flatMap(({ messages }) => messages), ...own];
}

/** Leaves out what tools gave, oldest first, until the rest fits; the newest results stay. */
function withoutOldResults(messages: readonly ModelMessage[], tokens: number): readonly ModelMessage[] {
  const kept = [...messages];
  const places = kept.flatMap(({ role }, index) => (role === "tool" ? [index] : []));
  for (const place of places.slice(0, -1)) {
    if (estimateTokens(kept) <= tokens) break;
    const message = kept[place];
    if (message?.role === "tool") kept[place] = { ...message, content: message.content.map(emptied) };
  }
  return kept;
}

type ToolContent = Extract<ModelMessage, { readonly role: "tool" }>["content"][number];

function emptied(part: ToolContent): ToolContent {
  if (part.type !== "tool-result") return part;
  return { ...part, output: { type: "text", value: frame("notice", { resultLeftOut: true }) } };
}
