/** How commands come to agreements: what waits at the registry is fetched first. */
import type { AgreementView, NextAct } from "@parley/client";
import { type ExitCode, ParleyError } from "@parley/protocol";

import { printAgreement } from "./agreement-view.ts";
import { withArchive } from "./archive-access.ts";
import type { CommandContext } from "./command-context.ts";
import type { CommandModule } from "./command.ts";
import type { OpenDevice } from "./open-device.ts";

/** Works with a connected device that has what waited for it. Throws `unreachable`. */
export const withAgreements = (
  context: CommandContext,
  work: (device: OpenDevice["device"]) => Promise<ExitCode | undefined>,
): Promise<ExitCode | undefined> =>
  withArchive(context, ({ device, isConnected }) => {
    if (!isConnected)
      throw new ParleyError("unreachable", {
        message: "The registry gives the order of acts, and cannot be reached now.",
      });
    return work(device);
  });

export function showAgreement(context: CommandContext, view: AgreementView): 0 {
  context.out.result(view, () => printAgreement(context, view));
  return 0;
}

/** A command that does one thing with the agreement that is its first argument. */
export const acting =
  (next: (context: CommandContext) => NextAct | Promise<NextAct>): CommandModule["run"] =>
  async (context) => {
    const act = await next(context);
    return withAgreements(context, async (device) =>
      showAgreement(context, await device.agreements.act(context.input.argument("agreement"), act)),
    );
  };

/** A field that is left out where nothing was typed. */
export const typed = <Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } =>
  value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
