/** Commands that change a message of a conversation and wait until the others have the change. */
import type { DeviceApi, Sent } from "@parley/client";
import { type ExitCode, limits } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { conversationOf } from "./conversation-names.ts";
import { messageIdOf } from "./message-reference.ts";
import { withDevice } from "./open-device.ts";
import { defaultWaitMs, reportSent, usualState } from "./sent-report.ts";

export async function changingMessage(
  context: CommandContext,
  change: (device: DeviceApi, conversation: string, id: string) => Promise<Sent>,
): Promise<ExitCode | undefined> {
  const { input } = context;
  const to = input.argument("conversation");
  const waitMs = input.duration("timeout", limits.taskMs) ?? defaultWaitMs;
  return withDevice(context, async ({ device }) => {
    const conversation = await conversationOf(device, to);
    const sent = await change(device, conversation, await messageIdOf(device, conversation, input.argument("message")));
    return reportSent(context, sent, { device, to, wanted: usualState(to), waitMs });
  });
}
