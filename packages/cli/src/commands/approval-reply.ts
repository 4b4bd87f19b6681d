import { findAsked, shortRequest } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";

/** Answers a question that an agent asks in the course of a task. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  return withArchive(context, async ({ device }) => {
    const { request, what, from } = findAsked(await device.approvals.list(), input.argument("request"));
    const id = shortRequest(request);
    if (what.type !== "question")
      throw new ParleyError("invalid_argument", {
        message: `${id} asks for yes or no: parley approval grant ${id}, or parley approval deny ${id}.`,
      });
    const text = input.argument("text");
    if (text === "" || text.length > limits.approvalTextCharacters)
      throw new ParleyError("invalid_argument", {
        message: `An answer has 1 to ${limits.approvalTextCharacters} characters.`,
      });
    await device.approvals.reply(request, text);
    out.result({ answered: request }, () => out.line(`${id}  answered; @${from.name} hears of it.`));
    return 0;
  });
};
