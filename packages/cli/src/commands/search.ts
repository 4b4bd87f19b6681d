import type { SearchQuery } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";
import { ConversationNames, conversationOf, memberIdOf } from "../conversation-names.ts";
import { messageJson, messageLines } from "../message-view.ts";

const defaultCount = 50;
const mostCount = 200;

/** Prints messages of this device in which all words are, the newest last. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const text = [input.argument("words"), ...input.rest()].join(" ").trim();
  if (text === "" || text.length > limits.queryCharacters)
    throw new ParleyError("invalid_argument", {
      message: `What is looked for has 1 to ${limits.queryCharacters} characters.`,
    });
  const limit = input.integer("max", 1, mostCount) ?? defaultCount;
  const [where, from] = [input.text("in"), input.text("from")];
  return withArchive(context, async ({ device }) => {
    const query: SearchQuery = {
      text,
      limit,
      ...(where === undefined ? {} : { conversation: await conversationOf(device, where) }),
      ...(from === undefined ? {} : { author: await memberIdOf(device, from) }),
    };
    const found = (await device.conversations.search(query)).toReversed();
    const names = await ConversationNames.of(device);
    const named = await Promise.all(
      found.map(async (message) => ({ message, name: await names.nameOf(message.conversation) })),
    );
    out.result(
      { messages: named.map(({ message, name }) => ({ ...messageJson(message), conversationName: name })) },
      () => {
        const now = Date.now();
        if (named.length === 0) out.line("Nothing that this device remembers has these words.");
        for (const { message, name } of named) for (const line of messageLines(out, message, now, name)) out.line(line);
      },
    );
    return 0;
  });
};
