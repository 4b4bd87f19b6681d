import type { Archive, ArchiveChange, NewMessage } from "@parley/core";
import type { TextContent } from "@parley/protocol";

/** Bounds that the suite's subjects are to be opened with. */
export const archiveBoundsUnderTest = { maxMessages: 250, maxBytes: 6 * 1024 * 1024, maxConversations: 40 };

export const channel = "#general";
/** The author of what is said, unless the case says another. */
export const mate = "mate-id";

export const text = (words: string): TextContent => ({ type: "text", text: words });

export function message(id: string, changes: Partial<NewMessage> = {}): NewMessage {
  return {
    conversation: channel,
    id,
    author: mate,
    name: "mate",
    device: "mate-device",
    created: 1000,
    taken: 1001,
    content: text(`text of ${id}`),
    path: "relay",
    protection: "signed",
    own: false,
    ...changes,
  };
}

/** The change that adds a message. */
export const said = (id: string, changes: Partial<NewMessage> = {}): ArchiveChange => ({
  type: "message",
  message: message(id, changes),
});

/** Ids of a conversation's newest messages, oldest first. */
export async function ids(archive: Archive, conversation = channel): Promise<readonly string[]> {
  return (await archive.messages({ conversation })).messages.map(({ id }) => id);
}

export async function textsOf(archive: Archive, conversation = channel): Promise<readonly string[]> {
  const { messages } = await archive.messages({ conversation });
  return messages.map(({ id, content }) => `${id}: ${"text" in content ? String(content["text"]) : content.type}`);
}
