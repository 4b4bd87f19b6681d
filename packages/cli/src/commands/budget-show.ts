import { limitOf, type Policy, type PolicyMember, type UsageKind, usageKinds, type UsagePeriod } from "@parley/core";
import { limits, type MemberUsage, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatMoment } from "../moment.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";
import { formatAmount, formatMoney } from "../policy/budget-amount.ts";
import { budgetText } from "../policy/policy-text.ts";

interface Shown {
  readonly usage: MemberUsage;
  readonly member: PolicyMember | undefined;
}

/** What members may use in an hour and a day, and what they did. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async (opened) => {
    const { input, out } = context;
    const { policy } = await opened.trust();
    const who = input.optionalArgument("member");
    const shown = who === undefined ? await everybody(opened) : [await one(opened, who)];
    const budgets = policy.document.budgets ?? [];
    out.result({ budgets, usage: shown.map((entry) => jsonOf(entry, policy)) }, () => print(context, policy, shown));
    return 0;
  });

async function one({ device }: OpenDevice, who: string): Promise<Shown> {
  const { member, verified } = await device.memberOf(who);
  const { usage } = await device.request("usage.list", { member });
  const [found] = usage;
  const none = { messages: 0, tokens: 0, money: 0 };
  return { usage: found ?? { member, hour: none, day: none }, member: verified };
}

/** All that the registry tells of: to a member itself, to an operator everybody. */
async function everybody({ device }: OpenDevice): Promise<readonly Shown[]> {
  const found: MemberUsage[] = [];
  for (let after: string | undefined; ;) {
    const page = await device.request("usage.list", after === undefined ? {} : { after });
    found.push(...page.usage);
    if (page.next === undefined || found.length >= limits.members) break;
    after = page.next;
  }
  return Promise.all(
    found.map(async (usage) => ({
      usage,
      member: (await device.memberOf(usage.member).catch(() => undefined))?.verified,
    })),
  );
}

function print({ out }: CommandContext, policy: Policy, shown: readonly Shown[]): void {
  const budgets = policy.document.budgets ?? [];
  if (budgets.length === 0) return out.line("The policy has no budgets: `parley budget set` makes one.");
  for (const budget of budgets) out.line(budgetText(budget));
  out.line();
  out.table(
    ["MEMBER", "USED", "LAST HOUR", "LAST DAY", "HELD OFF"],
    shown.flatMap(({ usage, member }) =>
      usageKinds
        .filter((kind) => kind === "messages" || usage.day[kind] > 0)
        .map((kind) => [
          member === undefined ? usage.member : `@${visible(member.name)}`,
          kind === "messages" ? kind : `${kind} (self-reported)`,
          sumText(usage, "hour", kind, policy, member),
          sumText(usage, "day", kind, policy, member),
          usage.heldUntil === undefined ? "" : `until ${formatMoment(usage.heldUntil, Date.now())}`,
        ]),
    ),
  );
  const [only] = shown;
  if (shown.length === 1 && only?.usage.reporters !== undefined) {
    out.line();
    out.line(`Most of its messages in this hour were reported by:`);
    for (const { member, messages } of only.usage.reporters) out.line(`  ${member}  ${messages}`);
  }
}

function sumText(
  usage: MemberUsage,
  period: UsagePeriod,
  kind: UsageKind,
  policy: Policy,
  member: PolicyMember | undefined,
): string {
  const format = kind === "money" ? formatMoney : formatAmount;
  const limit = member === undefined ? undefined : limitOf(policy.budgetsOf(member, Date.now()), kind, period);
  return `${format(usage[period][kind])}${limit === undefined ? "" : ` of ${format(limit)}`}`;
}

function jsonOf({ usage, member }: Shown, policy: Policy) {
  const budgets = member === undefined ? [] : policy.budgetsOf(member, Date.now());
  const limitsOf = (period: UsagePeriod) =>
    Object.fromEntries(
      usageKinds.flatMap((kind) => {
        const limit = limitOf(budgets, kind, period);
        return limit === undefined ? [] : [[kind, limit]];
      }),
    );
  return {
    ...usage,
    ...(member === undefined ? {} : { name: member.name }),
    limits: { hour: limitsOf("hour"), day: limitsOf("day") },
  };
}
