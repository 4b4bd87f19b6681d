/** What is shown of channels. */
import type { ChannelView } from "@parley/client";
import { type ErrorCode, errorTable, type Retention, visible } from "@parley/protocol";

import { formatBytes } from "./attachment-view.ts";
import type { CommandContext } from "./command-context.ts";
import { formatDuration } from "./duration.ts";
import { messageJson } from "./message-view.ts";

/** A channel for programs. */
export function channelJson(view: ChannelView): Record<string, unknown> {
  return { ...view, last: view.last === undefined ? undefined : messageJson(view.last) };
}

const retentionText = ({ posts, bytes, ageMs }: Retention): string =>
  `the last ${posts} posts, ${formatBytes(bytes)}, ${formatDuration(ageMs)}`;

/** Why a channel's posts cannot be read or written at present. */
const troubleText = (code: ErrorCode): string =>
  code === "unsupported_operation" ? "This device has no keys for encrypted channels." : errorTable[code].says;

export const kindText = ({ kind, encrypted, archived }: ChannelView): string =>
  [
    kind === "invite" ? "invite-only" : "public",
    encrypted ? "encrypted" : undefined,
    archived === undefined ? undefined : "archived",
  ]
    .filter((word) => word !== undefined)
    .join(", ");

export function printChannel({ out }: CommandContext, view: ChannelView): void {
  out.result(channelJson(view), () => {
    const { name, topic, history, retention, members, joined, unread, trouble } = view;
    const rows: readonly (readonly [string, string])[] = [
      ["channel", `#${name}`],
      ["kind", kindText(view)],
      ["topic", topic === "" ? "none" : visible(topic)],
      ["members", `${members}${joined ? "" : "; you are not among them"}`],
      ["newcomers read", history === "all" ? "all that is kept" : "what comes after they joined"],
      ["kept", retentionText(retention)],
      ...(joined ? [["unread", String(unread)] as const] : []),
      ...(trouble === undefined ? [] : [["trouble", troubleText(trouble)] as const]),
    ];
    for (const [key, value] of rows) out.line(`${key.padEnd(15)} ${value}`);
  });
}
