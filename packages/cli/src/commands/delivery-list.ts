import type { DeliveryView, DeviceApi } from "@parley/client";
import { type DeadLetter, limits } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { type DeliveryFilter, filterOf } from "../delivery-filter.ts";
import { deliveryTable } from "../delivery-table.ts";
import { mailboxLetters } from "../mailbox-letters.ts";
import { ifConnected, withJournal } from "../open-device.ts";

const defaultCount = 50;
const mostCount = 100_000;

interface Letter {
  readonly letter: DeadLetter;
  readonly name: string | undefined;
}

/** Lists what this device sent and received; with dead letters also those that its mailbox has. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const count = input.integer("limit", 1, mostCount) ?? defaultCount;
  const { filter, records, more } = await withJournal(context, async (device) => {
    const query = await filterOf(input, device);
    return { filter: query, ...(await listed(device, query, count, context)) };
  });
  const letters = asksForLetters(filter, context) ? await lettersOf(context, filter) : [];
  out.result(
    {
      deliveries: records,
      mailbox: letters.map(({ letter, name }) => ({ place: "mailbox", ...letter, name })),
      more,
    },
    () => print(context, records, letters, more),
  );
  return 0;
};

async function listed(
  device: DeviceApi,
  filter: DeliveryFilter,
  count: number,
  { input }: CommandContext,
): Promise<{ records: readonly DeliveryView[]; more: boolean }> {
  // The last ones are what somebody looks for; they are shown in the order in which they happened.
  const records: DeliveryView[] = [];
  let after: number | undefined;
  for (;;) {
    const page = await device.deliveries({
      ...filter,
      ...(input.switch("pending") ? { pendingOnly: true } : {}),
      newestFirst: true,
      limit: Math.min(limits.pageSize, count - records.length),
      ...(after === undefined ? {} : { after }),
    });
    records.push(...page.records);
    after = page.next;
    if (after === undefined || records.length >= count) break;
  }
  return { records: input.switch("newest") ? records : records.reverse(), more: after !== undefined };
}

/** They are what came in and failed; nobody else's filter finds them. */
function asksForLetters({ states, direction }: DeliveryFilter, { input }: CommandContext): boolean {
  return states?.includes("dead-lettered") === true && direction !== "out" && !input.switch("pending");
}

async function lettersOf(context: CommandContext, { peer }: DeliveryFilter): Promise<readonly Letter[]> {
  const letters = await ifConnected(context, async ({ device }) => {
    const found: Letter[] = [];
    for (const letter of await mailboxLetters(device, peer))
      found.push({ letter, name: await nameOfMember(device, letter.fromMember) });
    return found;
  });
  if (letters === undefined)
    context.out.note("The registry cannot be reached: dead letters of the mailbox are not among these.");
  return letters ?? [];
}

/** Undefined for who is no member any more. */
const nameOfMember = (device: DeviceApi, member: string): Promise<string | undefined> =>
  device.memberOf(member).then(
    ({ name }) => name,
    () => undefined,
  );

function print(
  { out }: CommandContext,
  records: readonly DeliveryView[],
  letters: readonly Letter[],
  more: boolean,
): void {
  if (records.length + letters.length === 0) return out.line("Nothing that fits is remembered.");
  const { headings, rows } = deliveryTable(records, letters, out.columns, Date.now());
  out.table(headings, rows, { cutLast: true });
  if (more) out.note("There are older ones; --limit shows more.");
}
