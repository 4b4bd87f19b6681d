import type { CommandModule } from "../command.ts";
import { changingMessage } from "../message-change.ts";

/** Sets a reaction, or with `--off` withdraws it. */
export const run: CommandModule["run"] = (context) => {
  const { input } = context;
  const [reaction, on] = [input.argument("reaction"), !input.switch("off")];
  return changingMessage(context, ({ conversations }, conversation, id) =>
    conversations.react(conversation, id, reaction, on),
  );
};
