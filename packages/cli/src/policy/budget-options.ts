/** `--messages 500/h`, `--tokens 1M/d --money 2.50/d`: sums of a budget on a command line. */
import { type Budget, ParleyError, policySubjectSchema } from "@parley/protocol";

import type { CommandInput } from "../command-context.ts";
import { parseAmount, parseMoney } from "./budget-amount.ts";

type Per = NonNullable<Budget["messages"]>;

/** What is given of a budget. Throws `invalid_argument` where that is nothing. */
export function budgetSums(input: CommandInput): Pick<Budget, "messages" | "tokens" | "money"> {
  const [messages, tokens, money] = [
    perOf(input, "messages", parseAmount),
    perOf(input, "tokens", parseAmount),
    perOf(input, "money", parseMoney),
  ];
  if (messages === undefined && tokens === undefined && money === undefined)
    throw new ParleyError("invalid_argument", { message: "Give at least one of --messages, --tokens and --money." });
  return {
    ...(messages === undefined ? {} : { messages }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(money === undefined ? {} : { money }),
  };
}

/** `500/h`, or both: `500/h,5k/d`. */
function perOf(input: CommandInput, name: string, read: (text: string) => number | undefined): Per | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  const per: { hour?: number; day?: number } = {};
  for (const part of text.split(",")) {
    const match = /^([^/]+)\/(h|hour|d|day)$/.exec(part.trim());
    const sum = match === null ? undefined : read(match[1] ?? "");
    const period = match?.[2]?.startsWith("h") === true ? ("hour" as const) : ("day" as const);
    if (sum === undefined || per[period] !== undefined)
      throw new ParleyError("invalid_argument", {
        message: `--${name} is a sum per hour, per day or both, like 500/h or 500/h,5k/d.`,
      });
    per[period] = sum;
  }
  return per;
}

/** Whom a budget is for: `@name`, `tag:x`, `role:x`, `kind:agent` or `*`. */
export function budgetSubjects(input: CommandInput): readonly string[] {
  const who = [input.argument("who"), ...input.rest()];
  for (const subject of who) {
    const parsed = policySubjectSchema.safeParse(subject);
    if (!parsed.success)
      throw new ParleyError("invalid_argument", { message: `"${subject}" ${parsed.error.issues[0]?.message ?? ""}.` });
  }
  return who;
}

/** Whether two budgets are for the same. */
export const sameSubjects = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((subject) => other.includes(subject));
