import type { Archive } from "@parley/core";
import { type BlobRef, ParleyError, textContent } from "@parley/protocol";

/** What was attached to a message that this device remembers. Throws `not_found`. */
export async function attachmentsOf(archive: Archive, id: string): Promise<readonly BlobRef[]> {
  for (const { conversation } of await archive.conversations()) {
    const message = await archive.message(conversation, id);
    if (message === undefined) continue;
    return textContent(message.content)?.attachments ?? [];
  }
  throw new ParleyError("not_found", { message: "This device does not remember a message with this id." });
}
