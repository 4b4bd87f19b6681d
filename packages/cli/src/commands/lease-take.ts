import { takeLease } from "@parley/client";

import type { CommandModule } from "../command.ts";
import { leaseOptionsOf, tellLease } from "../lease-view.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const { input, signal } = context;
    const lease = await takeLease(device, input.argument("resource"), { ...leaseOptionsOf(context), signal });
    tellLease(context, "you hold", lease);
    return 0;
  });
