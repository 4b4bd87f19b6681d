import type { CommandModule } from "../command.ts";
import { changingMessage } from "../message-change.ts";

/** Takes one's own message back: readers drop its text and keep its place. */
export const run: CommandModule["run"] = (context) =>
  changingMessage(context, ({ conversations }, conversation, id) => conversations.retract(conversation, id));
