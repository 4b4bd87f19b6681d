import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { changingMessage } from "../message-change.ts";
import { readInput } from "../read-input.ts";

/** Replaces the text of one's own message. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const text = input.argument("text") === "-" ? await readInput(signal) : input.argument("text");
  if (text === "") throw new ParleyError("invalid_argument", { message: "A message needs some text." });
  return changingMessage(context, ({ conversations }, conversation, id) => conversations.edit(conversation, id, text));
};
