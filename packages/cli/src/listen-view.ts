/** What `parley listen` prints: one line, or one JSON object, for each thing that came. */
import type { DeviceApi, DeviceEvent, IncomingMessage, IncomingPost } from "@parley/client";
import type { ArchivedMessage, Restriction } from "@parley/core";
import { type BlobRef, textContent, visible } from "@parley/protocol";

import { attachmentLine, attachmentView } from "./attachment-view.ts";
import { shortId } from "./member-table.ts";
import { messageJson, protectionText, shownText, speakerOf, spokenText } from "./message-view.ts";
import type { Presenter } from "./presenter.ts";
import { restrictionJson, restrictionText } from "./restriction-text.ts";

const timeOf = (ms: number): string => new Date(ms).toLocaleTimeString("en-GB");

function attachedLines(out: Presenter, id: string, attachments: readonly BlobRef[]): readonly string[] {
  return [
    ...attachments.map((ref) => `  attached: ${attachmentLine(ref)}`),
    ...(attachments.length === 0 ? [] : [out.style("dim", `  parley attachment get ${id}`)]),
  ];
}

/** A direct message. */
export function printMessage(out: Presenter, message: IncomingMessage): void {
  const { id, from, text, attachments, created, path, redelivered, request, secret } = message;
  const facts = [path, secret ? "shared secret" : undefined, redelivered ? "redelivered" : undefined];
  const known = facts.filter((fact) => fact !== undefined).join(", ");
  const name = visible(from.name);
  const lines = [
    `${out.style("dim", timeOf(created))} ${out.style("bold", `@${name}`)} ${out.style("dim", `(${known})`)} ${shownText(text)}`,
    ...attachedLines(out, id, attachments),
    ...(request
      ? [out.style("yellow", `  a request: parley contact accept @${name}, or parley contact block @${name}`)]
      : []),
  ];
  const json = {
    type: "message",
    conversation: `@${from.member}`,
    ...message,
    protection: secret ? "secret" : "sealed",
    replay: false,
    attachments: attachments.map(attachmentView),
  };
  out.event(json, lines.join("\n"));
}

/** A post of a channel. */
export function printPost(out: Presenter, { channelName, message, replay, redelivered }: IncomingPost): void {
  const { conversation, id, author, name, device, created, protection, sort, via, mentioned, content } = message;
  const said = textContent(content);
  const attachments = said?.attachments ?? [];
  const facts = [
    protectionText[protection],
    mentioned === true ? "calls you" : undefined,
    replay ? "from before" : undefined,
    redelivered ? "redelivered" : undefined,
  ];
  const known = facts.filter((fact) => fact !== undefined).join(", ");
  const head = `${out.style("dim", timeOf(created))} ${out.style("bold", `#${visible(channelName)} ${speakerOf(message)}`)}`;
  const lines = [
    `${head} ${out.style("dim", `(${known})`)} ${spokenText(message)}`,
    ...attachedLines(out, id, attachments),
  ];
  const json = {
    type: "message",
    conversation,
    channel: channelName,
    id,
    offset: sort,
    from: { member: author, name, device },
    ...(via === undefined ? {} : { via }),
    text: said?.text ?? "",
    attachments: attachments.map(attachmentView),
    ...(said?.thread === undefined ? {} : { thread: said.thread }),
    ...(said?.answers === undefined ? {} : { answers: said.answers }),
    ...(said?.mentions === undefined ? {} : { mentions: said.mentions }),
    mentioned: mentioned === true,
    created,
    protection,
    replay,
    redelivered,
  };
  out.event(json, lines.join("\n"));
}

/** What came and cannot be shown. */
export function printUnreadable(out: Presenter, message: ArchivedMessage): void {
  const head = `${out.style("dim", timeOf(message.created))} ${out.style("bold", speakerOf(message))}`;
  out.event({ type: "unreadable", ...messageJson(message) }, `${head} ${out.style("yellow", spokenText(message))}`);
}

export function printConnection(out: Presenter, connected: boolean): void {
  const says = connected
    ? "the registry can be reached again"
    : "the registry cannot be reached; messages come by open links only, until it is back";
  out.event({ type: "connection", connected }, out.style("dim", says));
}

/** An operator put this member under something, or took it off. */
export function printRestriction(out: Presenter, restriction: Restriction | undefined): void {
  const says =
    restriction === undefined
      ? "nothing holds this member back any more"
      : `an operator has this member ${restrictionText(restriction)}`;
  out.event({ type: "restricted", ...restrictionJson(restriction) }, out.style("yellow", says));
}

export function printGap(out: Presenter, gap: DeviceEvent & { type: "gap" }): void {
  const { name, device, from, to } = gap;
  const count = to - from + 1;
  const what = count === 1 ? `1 message of @${name} is missing` : `${count} messages of @${name} are missing`;
  const which = count === 1 ? `number ${from}` : `numbers ${from} to ${to}`;
  out.event(gap, out.style("yellow", `${what}: ${which} of its device ${shortId(device)} were lost on their way`));
}

/** To an operator: somebody asks to join, or for another set of operators. Whoever asks chose its name itself. */
export function printAsking(
  out: Presenter,
  event: DeviceEvent & { type: "pairing-pending" | "operators-proposed" },
): void {
  const says =
    event.type === "pairing-pending"
      ? `@${visible(event.name)} asks to join, from ${visible(event.address)}: parley member list --pending`
      : `another set of operators is proposed; ${event.approved} of ${event.needed} agree: parley operator proposals`;
  out.event(event, out.style("yellow", says));
}

const channelGapText = {
  trimmed: "they are not kept any more",
  restored: "the registry was restored from a backup",
  group: "they are from a time when this device could not read the channel",
} as const;

export function printChannelGap(out: Presenter, gap: DeviceEvent & { type: "channel-gap" }, name: string): void {
  const { from, to, reason } = gap;
  const says = `posts ${from} to ${to} of #${visible(name)} will not come: ${channelGapText[reason]}`;
  out.event({ ...gap, channelName: name }, out.style("yellow", says));
}

/** Once, at the end: what another device of this person passed on. */
export async function printHistory(
  out: Presenter,
  device: DeviceApi,
  history: DeviceEvent & { type: "history" },
): Promise<void> {
  const { received, omitted } = history;
  const label = await device.memberOf(device.member).then(
    ({ verified }) => verified.devices.get(history.device)?.label,
    () => undefined,
  );
  const left = omitted === 0 ? "" : `; ${omitted} more ${omitted === 1 ? "was" : "were"} too large to be passed on`;
  const count = `${received} ${received === 1 ? "message" : "messages"}`;
  out.event(history, out.style("dim", `${count} came from your ${visible(label ?? shortId(history.device))}${left}`));
}
