/** What is shown of a message that is remembered. */
import type { ArchivedMessage, Protection } from "@parley/core";
import { type AnyContent, knownContent, textContent, visible } from "@parley/protocol";

import { attachmentLine, attachmentView } from "./attachment-view.ts";
import { shortMessageId } from "./message-reference.ts";
import { formatMoment } from "./moment.ts";
import type { Presenter } from "./presenter.ts";

/** How a message was protected, as people are told. */
export const protectionText: Readonly<Record<Protection, string>> = {
  sealed: "sealed",
  secret: "shared secret",
  group: "encrypted channel",
  signed: "signed, readable by the registry",
  door: "by the plain door, readable by the registry",
};

const unreadableText: Readonly<Record<NonNullable<ArchivedMessage["unreadable"]>, string>> = {
  "no-secret": "sealed with a shared secret that this device does not have: parley secret set",
  "wrong-secret": "sealed with another shared secret than yours: compare it with the other side",
  "no-group": "from a time when this device could not read the channel",
  "bad-signature": "its signature does not match: not shown",
  unknown: "of a kind that this version cannot show",
};

/** Text from others, safe on a terminal. Its further lines stand apart, so that none passes for a line of somebody else. */
export const shownText = (text: string): string => visible(text).replaceAll("\n", "\n    ");

/** What it says, safe on a terminal; in brackets why it cannot be shown. */
export function spokenText({ content, unreadable, retracted }: ArchivedMessage): string {
  if (retracted !== undefined) return "(taken back)";
  if (unreadable !== undefined) return `(${unreadableText[unreadable]})`;
  const said = textContent(content);
  if (said !== undefined) return shownText(said.text);
  return knownContent(content)?.type === "retract" ? "(taken back)" : `(${unreadableText.unknown})`;
}

/** Who says it: the author, or whom the door speaks for, which is no member. */
export function speakerOf({ name, via }: ArchivedMessage): string {
  if (via === undefined) return `@${visible(name)}`;
  return `${visible(via.name)} [${via.standing}, by @${visible(name)}]`;
}

/** The content for programs, without the keys of what is attached. */
function contentJson(content: AnyContent): unknown {
  const said = textContent(content);
  return said?.attachments === undefined ? content : { ...said, attachments: said.attachments.map(attachmentView) };
}

/** A message for programs. */
export function messageJson(message: ArchivedMessage): Record<string, unknown> {
  return { ...message, content: contentJson(message.content) };
}

function factsOf(message: ArchivedMessage): string {
  const { path, protection, own, state, edited, content } = message;
  const said = textContent(content);
  return [
    path,
    protectionText[protection],
    own ? state : undefined,
    edited === undefined ? undefined : "edited",
    said?.answers === undefined ? undefined : `answers ${shortMessageId(said.answers)}`,
    said?.thread === undefined ? undefined : `thread ${shortMessageId(said.thread)}`,
    message.mentioned === true ? "calls you" : undefined,
  ]
    .filter((fact) => fact !== undefined)
    .join(", ");
}

/** The lines of a message. `where` names its conversation among several. */
export function messageLines(out: Presenter, message: ArchivedMessage, now: number, where?: string): readonly string[] {
  const { id, created, reactions, replies, content, retracted } = message;
  const attached = retracted === undefined ? (textContent(content)?.attachments ?? []) : [];
  const head = [
    out.style("dim", `${formatMoment(created, now)}  ${shortMessageId(id)}`),
    ...(where === undefined ? [] : [out.style("dim", visible(where))]),
    out.style("bold", speakerOf(message)),
    out.style("dim", `(${factsOf(message)})`),
  ].join("  ");
  const marks = [
    ...Object.entries(reactions).map(([reaction, members]) => `${visible(reaction)} ${members.length}`),
    ...(replies === 0 ? [] : [`${replies} in its thread`]),
  ];
  return [
    `${head}  ${spokenText(message)}`,
    ...attached.map((ref) => `  attached: ${attachmentLine(ref)}`),
    ...(marks.length === 0 ? [] : [out.style("dim", `  ${marks.join("  ")}`)]),
  ];
}
