/** `parley budget set`, `allow` and `remove`: each publishes the policy anew with another budget. */
import type { Policy } from "@parley/core";
import { type Budget, limits, ParleyError, type PolicyDocument } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";
import { budgetSubjects, budgetSums, sameSubjects } from "../policy/budget-options.ts";
import { budgetText } from "../policy/policy-text.ts";

export const set: CommandModule = {
  run: (context) => {
    const budget = { who: [...budgetSubjects(context.input)], ...budgetSums(context.input), ...noteOf(context) };
    return withDevice(context, async (opened) => {
      const number = await change(opened, budget.who, (kept) => [...kept, budget]);
      tell(context, number, budget);
      return 0;
    });
  },
};

export const allow: CommandModule = {
  run: (context) => {
    const { input } = context;
    const forMs = input.duration("for", limits.restrictionMs);
    if (forMs === undefined)
      throw new ParleyError("invalid_argument", { message: "--for says how long it holds, for example 2h." });
    const budget = {
      who: [...budgetSubjects(input)],
      ...budgetSums(input),
      ...noteOf(context),
      until: Date.now() + forMs,
    };
    return withDevice(context, async ({ operator }) => {
      tell(context, await operator.orders.allowForATime(budget), budget);
      return 0;
    });
  },
};

export const remove: CommandModule = {
  run: (context) => {
    const who = budgetSubjects(context.input);
    return withDevice(context, async (opened) => {
      const number = await change(opened, who, (kept, { document }) => {
        if ((document.budgets ?? []).length === kept.length)
          throw new ParleyError("not_found", { message: `The policy has no budget for ${who.join(", ")}.` });
        return kept;
      });
      context.out.result({ number, removed: who }, () =>
        context.out.line(`Policy ${number} holds: it has no budget for ${who.join(", ")} any more.`),
      );
      return 0;
    });
  },
};

/** Publishes the policy with the budgets that `next` makes of those for others. */
async function change(
  { operator, trust }: OpenDevice,
  who: readonly string[],
  next: (kept: readonly Budget[], policy: Policy) => readonly Budget[],
): Promise<number> {
  const { policy } = await trust();
  const { budgets = [], ...rest } = policy.document;
  const kept = budgets.filter((one) => one.until !== undefined || !sameSubjects(one.who, who));
  const changed = next(kept, policy);
  const document: PolicyDocument = { ...rest, ...(changed.length === 0 ? {} : { budgets: [...changed] }) };
  return operator.orders.publishPolicy(document);
}

function tell({ out }: CommandContext, number: number, budget: Budget): void {
  out.result({ number, budget }, () => out.line(`Policy ${number} holds, with ${budgetText(budget)}`));
}

function noteOf({ input }: CommandContext): { readonly note?: string } {
  const note = input.text("note");
  return note === undefined ? {} : { note };
}
