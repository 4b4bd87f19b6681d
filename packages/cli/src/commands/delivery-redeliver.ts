import { isEndState, ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { findReference, mailboxReference, shortReference } from "../delivery-reference.ts";
import { nameOf } from "../delivery-table.ts";
import { withDevice, withJournal } from "../open-device.ts";

/** Tries once more what ended without success. */
export const run: CommandModule["run"] = async (context) => {
  const found = await withJournal(context, (device) => findReference(device, context.input.argument("message")));
  if (found.place === "mailbox") return redeliverLetter(context, found.offset);
  const failed = found.records.find(({ state, pending }) => isEndState(state) && !pending);
  if (failed === undefined)
    throw new ParleyError("conflict", {
      message: `The message is ${found.records[0].state}; only what failed is tried again.`,
    });
  const { id, direction, name, member } = failed;
  return direction === "in" ? handOutAgain(context, id) : sendAgain(context, id, nameOf(name, member));
};

/** It waits for whoever reads next: no registry is needed. */
async function handOutAgain(context: CommandContext, id: string): Promise<0> {
  const { out } = context;
  await withJournal(context, (device) => device.redeliver(id));
  out.result({ id, redelivered: id }, () => {
    out.line(`${shortReference(id)} is handed out again.`);
    out.note("Whatever reads this device's messages gets it, marked as redelivered.");
  });
  return 0;
}

const sendAgain = (context: CommandContext, id: string, who: string): ReturnType<CommandModule["run"]> =>
  withDevice(context, async ({ device }) => {
    const { out } = context;
    const again = await device.redeliver(id);
    out.result({ id: again, redelivered: id }, () => {
      out.line(`accepted  ${shortReference(again)}`);
      out.note(`It goes to ${who} once more, as a new message.`);
    });
    return 0;
  });

const redeliverLetter = (context: CommandContext, offset: number): ReturnType<CommandModule["run"]> =>
  withDevice(context, async ({ device }) => {
    const { out } = context;
    const { offset: place } = await device.request("mailbox.dead.redeliver", { offset });
    out.result({ id: mailboxReference(offset), redelivered: mailboxReference(place) }, () =>
      out.line("It is at the end of the mailbox again, and comes as anything else does."),
    );
    return 0;
  });
