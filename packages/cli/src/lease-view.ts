/** Advisory leases as a person and a program read them. */
import { limits, type ResourceLease, visible } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { formatMoment } from "./moment.ts";

/** What was asked for by `--for`, `--wait` and `--note`. */
export function leaseOptionsOf({ input }: CommandContext) {
  const forMs = input.duration("for", limits.resourceLeaseMs);
  const waitMs = input.duration("wait", limits.expiryMs);
  const note = input.text("note");
  return {
    ...(forMs === undefined ? {} : { forMs }),
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(note === undefined ? {} : { note }),
  };
}

export function tellLease({ out }: CommandContext, what: string, lease: ResourceLease): void {
  const until = formatMoment(lease.until, Date.now());
  out.result(lease, () =>
    out.line(`${what} ${visible(lease.resource)} until ${until}, generation ${lease.generation}`),
  );
}
