import type { ArchivedMessage } from "@parley/core";

import { type ArchiveAccess, fetchOlder, withArchive } from "../archive-access.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { channelArgument, ConversationNames, conversationOf } from "../conversation-names.ts";
import { messageIdOf } from "../message-reference.ts";
import { messageJson, messageLines } from "../message-view.ts";

const defaultCount = 50;
const mostCount = 100_000;
const pageSize = 200;

/** Prints the last messages of a conversation; also `parley channel history`. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const channel = input.optionalArgument("channel");
  const typed = channel === undefined ? input.argument("conversation") : channelArgument(channel);
  const count = input.integer("max", 1, mostCount) ?? defaultCount;
  return withArchive(context, async (access) => {
    const { device } = access;
    const conversation = await conversationOf(device, typed);
    const thread = input.text("thread");
    const { messages, more } = await newest(access, {
      conversation,
      count,
      thread: thread === undefined ? undefined : await messageIdOf(device, conversation, thread),
    });
    if (input.switch("read")) await markRead(context, access, conversation, messages);
    const name = await (await ConversationNames.of(device)).nameOf(messages[0]?.conversation ?? conversation);
    out.result(
      { conversation: messages[0]?.conversation ?? conversation, name, messages: messages.map(messageJson), more },
      () => print(context, name, messages, more),
    );
    return 0;
  });
};

interface Wanted {
  readonly conversation: string;
  readonly count: number;
  readonly thread: string | undefined;
}

/** The last so many; older posts of a channel are fetched when the device does not have enough. */
async function newest(
  access: ArchiveAccess,
  { conversation, count, thread }: Wanted,
): Promise<{ readonly messages: readonly ArchivedMessage[]; readonly more: boolean }> {
  const { device } = access;
  const found: ArchivedMessage[] = [];
  let more = true;
  while (found.length < count) {
    const before = found[0]?.sort;
    const page = await device.conversations.messages({
      conversation,
      limit: Math.min(pageSize, count - found.length),
      ...(before === undefined ? {} : { before }),
      ...(thread === undefined ? {} : { thread }),
    });
    found.unshift(...page.messages);
    ({ more } = page);
    if (more) continue;
    if (found.length >= count || !(await fetchOlder(access, conversation))) break;
  }
  return { messages: found, more };
}

/** Who withholds it withholds it also where another process holds the device, with other settings. */
async function markRead(
  { settings }: CommandContext,
  { device }: ArchiveAccess,
  conversation: string,
  messages: readonly ArchivedMessage[],
): Promise<void> {
  const last = messages.at(-1);
  const how = settings.get("read-receipts") === "withhold" ? { tell: false } : {};
  if (last !== undefined) await device.conversations.read(conversation, last.id, how);
}

function print({ out }: CommandContext, name: string, messages: readonly ArchivedMessage[], more: boolean): void {
  if (messages.length === 0) return out.line(`Nothing is remembered of ${name}.`);
  const now = Date.now();
  for (const message of messages) for (const line of messageLines(out, message, now)) out.line(line);
  if (more) out.note("There are older ones; --max shows more, parley export all.");
}
