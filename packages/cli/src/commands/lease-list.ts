import type { ResourceLease } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatMoment } from "../moment.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = ({ input, out, ...rest }) =>
  withDevice({ input, out, ...rest }, async ({ device }) => {
    const prefix = input.optionalArgument("prefix");
    const leases: ResourceLease[] = [];
    let after: string | undefined;
    do {
      const query = { ...(prefix === undefined ? {} : { prefix }), ...(after === undefined ? {} : { after }) };
      const page = await device.request("resource.list", query);
      leases.push(...page.leases);
      after = page.next;
    } while (after !== undefined);
    out.result({ leases }, () => {
      if (leases.length === 0) return out.line("nobody holds a lease");
      out.table(
        ["RESOURCE", "HELD BY", "SINCE", "UNTIL", "GENERATION", "NOTE"],
        leases.map(({ resource, name, device: holder, since, until, generation, note = "" }) => [
          resource,
          holder === device.device ? `@${name} (here)` : `@${name}`,
          formatMoment(since, Date.now()),
          formatMoment(until, Date.now()),
          String(generation),
          note,
        ]),
        { cutLast: true },
      );
    });
    return 0;
  });
