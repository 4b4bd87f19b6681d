import { defaultLeaseMs } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { tellLease } from "../lease-view.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = (context) =>
  withDevice(context, async ({ device }) => {
    const resource = context.input.argument("resource");
    const lifeMs = context.input.duration("for", limits.resourceLeaseMs) ?? defaultLeaseMs;
    const { leases } = await device.request("resource.list", { prefix: resource, limit: 1 });
    const own = leases.find((lease) => lease.resource === resource && lease.device === device.device);
    if (own === undefined)
      throw new ParleyError("lease_lost", { message: `This device does not hold ${resource}; see parley lease list.` });
    const { lease } = await device.request("resource.renew", { resource, generation: own.generation, lifeMs });
    tellLease(context, "you hold", lease);
    return 0;
  });
