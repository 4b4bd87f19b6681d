import { setTimeout as after } from "node:timers/promises";

import type { Delivery } from "@parley/client";
import { errorTable, type ExitCode, limits } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { shortId } from "../member-table.ts";
import { withDevice } from "../open-device.ts";
import { untilAborted } from "../until-aborted.ts";

const defaultWaitMs = 30_000;

/** Sends a message. What it prints is a fact: `accepted`, `stored`, `delivered`, `expired` or `refused`. */
export const run: CommandModule["run"] = async (context) => {
  const { input, signal } = context;
  const waitMs = input.duration("timeout", limits.taskMs) ?? defaultWaitMs;
  const to = input.argument("member");
  return withDevice(context, async ({ device }) => {
    const sent = await device.send(to, input.argument("text"), { signal });
    if (input.switch("no-wait")) return report(context, to, sent.accepted, true);
    context.out.progress(`accepted; waiting until ${to} has it…`);
    const giveUp = new AbortController();
    const settled = await Promise.race([
      sent.settled,
      after(waitMs, undefined, { signal: giveUp.signal, ref: false }),
      untilAborted(signal),
    ]);
    giveUp.abort();
    return report(context, to, settled ?? sent.state(), false);
  });
};

function report({ out }: CommandContext, to: string, delivery: Delivery, acceptedIsEnough: boolean): ExitCode {
  const { state, path, device, tookMs, error } = delivery;
  const facts = [
    path === undefined ? undefined : `path: ${path}`,
    device === undefined ? undefined : `device: ${shortId(device)}`,
    `after ${formatDuration(tookMs)}`,
  ];
  out.result({ to, ...delivery }, () => out.line(`${state}  ${facts.filter((fact) => fact !== undefined).join("  ")}`));
  if (state === "delivered" || acceptedIsEnough) return 0;
  if (error !== undefined) {
    out.note(`${error.message} (${error.code})`);
    return errorTable[error.code].exit;
  }
  const where = state === "stored" ? "It waits in the mailbox of the recipient" : "It waits on this device";
  out.note(`${where} and goes on when it can; it is not delivered yet.`);
  return errorTable.not_connected.exit;
}
