import type { DeviceApi, PurgeQuery } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { filterOf } from "../delivery-filter.ts";
import { findReference } from "../delivery-reference.ts";
import { mailboxLetters, removeLetters } from "../mailbox-letters.ts";
import { ifConnected, withDevice, withJournal } from "../open-device.ts";
import { askYesNo, isInteractive } from "../terminal.ts";

/** Ten years: more is a mistake. */
const mostAgeMs = 3650 * 86_400_000;

/** What is to go: remembered messages, and dead letters of the mailbox by their places. */
interface Purge {
  readonly query: PurgeQuery | undefined;
  readonly count: number;
  readonly letters: readonly number[];
}

/** Forgets what ended and fits, once it was said how much that is. */
export const run: CommandModule["run"] = async (context) => {
  const { out, input } = context;
  const found = await planned(context);
  const total = found.count + found.letters.length;
  if (total === 0) {
    out.result({ removed: 0 }, () => out.line("Nothing that ended fits."));
    return 0;
  }
  // Asked while nothing is held: others use the device meanwhile.
  if (!input.switch("yes")) await confirm(context, found);
  const { query, letters } = found;
  const removed = query === undefined ? 0 : await withJournal(context, (device) => device.purgeDeliveries(query));
  const dropped = letters.length === 0 ? 0 : await dropLetters(context, letters);
  out.result({ removed: removed + dropped }, () => out.line(`${removed + dropped} forgotten.`));
  return 0;
};

async function planned(context: CommandContext): Promise<Purge> {
  const { input } = context;
  const one = input.optionalArgument("message");
  const age = input.duration("before", mostAgeMs);
  const before = age === undefined ? {} : { before: Date.now() - age };
  const isFiltered = ["state", "with", "before"].some((name) => input.text(name) !== undefined);
  if (one !== undefined && (isFiltered || input.switch("in") || input.switch("out")))
    throw new ParleyError("invalid_argument", { message: "Name one message, or say which ones, but not both." });
  const { query, count, offset } = await withJournal(context, async (device) => {
    const found = one === undefined ? undefined : await findReference(device, one);
    if (found?.place === "mailbox") return { query: undefined, count: 0, offset: found.offset };
    if (found?.records.every(({ pending }) => pending) === true)
      throw new ParleyError("conflict", {
        message: `The message is ${found.records[0].state} and has not ended; only what ended is forgotten.`,
      });
    const wanted: PurgeQuery = {
      ...(found === undefined ? await filterOf(input, device) : { id: found.records[0].id }),
      ...before,
    };
    return { query: wanted, count: await countOf(device, wanted), offset: undefined };
  });
  if (offset !== undefined) return { query, count, letters: [offset] };
  return {
    query,
    count,
    letters: query?.states?.includes("dead-lettered") === true ? await lettersOf(context, query) : [],
  };
}

async function countOf(device: DeviceApi, { before = Infinity, ...query }: PurgeQuery): Promise<number> {
  let count = 0;
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Awaited<ReturnType<DeviceApi["deliveries"]>> = await device.deliveries({
      ...query,
      after,
      limit: limits.pageSize,
    });
    count += page.records.filter(({ pending, created }) => !pending && created < before).length;
    after = page.next;
  }
  return count;
}

async function lettersOf(context: CommandContext, query: PurgeQuery): Promise<readonly number[]> {
  if (query.direction === "out") return [];
  const { before = Infinity, peer } = query;
  const letters = await ifConnected(context, ({ device }) => mailboxLetters(device, peer));
  if (letters === undefined)
    context.out.note("The registry cannot be reached: dead letters of the mailbox stay where they are.");
  return (letters ?? []).filter(({ at }) => at < before).map(({ offset }) => offset);
}

async function dropLetters(context: CommandContext, letters: readonly number[]): Promise<number> {
  let dropped = 0;
  await withDevice(context, async ({ device }) => {
    dropped = await removeLetters(device, letters);
    return 0;
  });
  return dropped;
}

async function confirm({ signal }: CommandContext, { count, letters }: Purge): Promise<void> {
  const what = [
    ...(count === 0 ? [] : [`${count} ${count === 1 ? "message" : "messages"} that this device remembers`]),
    ...(letters.length === 0
      ? []
      : [`${letters.length} dead ${letters.length === 1 ? "letter" : "letters"} of the mailbox`]),
  ].join(" and ");
  if (!isInteractive())
    throw new ParleyError("invalid_argument", { message: `This forgets ${what}; --yes says that it shall.` });
  if (!(await askYesNo(`Forget ${what}?`, signal)))
    throw new ParleyError("canceled", { message: "Nothing was forgotten." });
}
