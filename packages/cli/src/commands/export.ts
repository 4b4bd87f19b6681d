import { resolve } from "node:path";

import { createPrivateFile } from "@parley/client/node";

import { type ArchiveAccess, fetchOlder, withArchive } from "../archive-access.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { conversationOf } from "../conversation-names.ts";
import { messageJson } from "../message-view.ts";

const pageSize = 200;

/** Writes a whole conversation as JSON lines, oldest first. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, cwd } = context;
  const output = input.text("output");
  return withArchive(context, async (access) => {
    const conversation = await conversationOf(access.device, input.argument("conversation"));
    if (conversation.startsWith("#")) await fetchAll(context, access, conversation);
    if (output === undefined) {
      await writeAll(context, access, conversation, async (lines) => {
        for (const line of lines) out.line(line);
        await out.flushed();
      });
      return 0;
    }
    const path = resolve(cwd, output);
    const file = await createPrivateFile(path);
    const count = await writeAll(context, access, conversation, async (lines) => {
      await file.appendFile(lines.map((line) => `${line}\n`).join(""));
    }).finally(() => file.close());
    out.result({ file: path, messages: count }, () => out.line(`${count} messages in ${path}`));
    return 0;
  });
};

/** Older posts than this device has are at the registry only: they are fetched first. */
async function fetchAll({ out, signal }: CommandContext, access: ArchiveAccess, channel: string): Promise<void> {
  if (!access.isConnected) {
    out.note("Older posts than these may be at the registry only; export again when it can be reached.");
    return;
  }
  let isSaid = false;
  while (await fetchOlder(access, channel)) {
    signal.throwIfAborted();
    if (!isSaid) out.note("Older posts are only at the registry; fetching them…");
    isSaid = true;
  }
}

async function writeAll(
  { signal }: CommandContext,
  { device }: ArchiveAccess,
  conversation: string,
  write: (lines: readonly string[]) => Promise<void>,
): Promise<number> {
  let count = 0;
  for (let after = 0, more = true; more;) {
    signal.throwIfAborted();
    const page = await device.conversations.messages({ conversation, after, limit: pageSize });
    await write(page.messages.map((message) => JSON.stringify(messageJson(message))));
    count += page.messages.length;
    after = page.messages.at(-1)?.sort ?? after;
    more = page.more && page.messages.length > 0;
  }
  return count;
}
