import { Policy } from "@parley/core";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { ifConnected, openHome } from "../open-device.ts";
import { labelOf, type OrderFacts, orderFacts } from "../policy/order-facts.ts";
import { policyYaml } from "../policy/policy-text.ts";

/** The policy that holds, as an operator would write it; without the registry the newest that this device holds. */
export const run: CommandModule["run"] = async (context) => {
  if (context.input.switch("default")) {
    print(context, new Policy(), { number: 0, signedAt: undefined, signedBy: undefined }, undefined);
    return 0;
  }
  const shown = await ifConnected(context, async ({ device, trust }) => {
    const held = await trust();
    const facts = orderFacts(held, "policy");
    const by = facts.signedBy === undefined ? undefined : await labelOf(device, facts.signedBy);
    return { policy: held.policy, facts, by };
  });
  if (shown !== undefined) print(context, shown.policy, shown.facts, shown.by);
  else {
    const { trust } = await (await openHome(context)).mesh();
    context.out.note("The registry cannot be reached; this is the newest policy that this device holds.");
    const facts = orderFacts(trust, "policy");
    print(context, trust.policy, facts, facts.signedBy);
  }
  return 0;
};

function print({ out }: CommandContext, { document }: Policy, facts: OrderFacts, by: string | undefined): void {
  const { number, signedAt, signedBy } = facts;
  out.result(
    {
      number,
      ...(signedAt === undefined ? {} : { signedAt }),
      ...(signedBy === undefined ? {} : { signedBy, signedByName: by }),
      policy: document,
    },
    () => {
      out.line(
        number === 0
          ? "# The built-in policy: it holds while no operator published another."
          : `# Policy ${number}, signed by ${by ?? "an operator"} at ${formatTime(signedAt ?? 0)}.`,
      );
      out.line(policyYaml(document).trimEnd());
    },
  );
}
