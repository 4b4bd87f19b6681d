import type { DeliveryView, DeviceApi, MemberView } from "@parley/client";
import type { DeliveryFact } from "@parley/core";
import { type DeadLetter, ParleyError, visible } from "@parley/protocol";

import { formatBytes } from "../attachment-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { findReference } from "../delivery-reference.ts";
import { nameOf } from "../delivery-table.ts";
import { mailboxLetters } from "../mailbox-letters.ts";
import { shortId } from "../member-table.ts";
import { formatTime } from "../moment.ts";
import { ifConnected, withDevice, withJournal } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";
import { type CheckedReceipt, checkReceipts } from "../receipt-check.ts";

/** Shows all that is known of one message. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const { found, own } = await withJournal(context, async (device) => ({
    found: await findReference(device, input.argument("message")),
    own: { mesh: device.mesh, member: device.member, device: device.device },
  }));
  if (found.place === "mailbox") return showLetter(context, found.offset);
  const shown: { record: DeliveryView; receipts: readonly CheckedReceipt[]; member: MemberView | undefined }[] = [];
  for (const record of found.records) {
    const member = needsMember(record, own.device) ? await lookUp(context, record.member) : undefined;
    shown.push({ record, member, receipts: await checkReceipts(own, record, member) });
  }
  out.result(
    {
      deliveries: shown.map(({ record, receipts }) => ({
        ...record,
        receipts: receipts.map(({ state, verdict, receipt }) => ({ state, verdict, ...forPrograms(receipt) })),
      })),
    },
    () => {
      for (const { record, receipts, member } of shown) print(context, record, receipts, member, own.device);
    },
  );
  return 0;
};

/** Its devices have labels and keys, if it can be asked for. */
const needsMember = ({ receipts, facts }: DeliveryView, own: string): boolean =>
  Object.keys(receipts).length > 0 || facts.some(({ device }) => device !== undefined && device !== own);

async function lookUp(context: CommandContext, member: string): Promise<MemberView | undefined> {
  return ifConnected(context, ({ device }: { device: DeviceApi }) => device.memberOf(member).catch(() => undefined));
}

function forPrograms(receipt: CheckedReceipt["receipt"]): object {
  if (receipt === undefined) return {};
  const { signature, state: _, ...rest } = receipt;
  return { ...rest, signature: Buffer.from(signature).toString("base64url") };
}

function print(
  { out }: CommandContext,
  record: DeliveryView,
  receipts: readonly CheckedReceipt[],
  member: MemberView | undefined,
  own: string,
): void {
  const { id, direction, name, created, expires, bytes, pending, redelivered, text } = record;
  const label = (device: string): string => labelOf(device, member, own);
  const other = nameOf(name, record.member);
  const device = record.device === undefined ? "" : `, device ${label(record.device)}`;
  out.line(`${out.style("bold", record.state)}  ${direction === "out" ? "to" : "from"} ${other}${visible(device)}`);
  const rows: (readonly [string, string])[] = [
    ["id", id],
    ["member", record.member],
    ["created", `${formatTime(created)}${direction === "in" ? " by its sender's clock" : ""}`],
    ["expires", expires === undefined ? "never" : formatTime(expires)],
    ["size", formatBytes(bytes)],
    ...(pending ? ([["waits", waitsFor(record)]] as const) : []),
    ...(redelivered ? ([["redelivered", "it may have been handed out before"]] as const) : []),
  ];
  for (const [what, says] of rows) out.line(`  ${out.style("dim", what.padEnd(11))}  ${visible(says)}`);
  out.line();
  let told: string | undefined;
  for (const fact of record.facts) {
    printFact(out, fact, label, fact.via !== told);
    told = fact.via;
  }
  if (receipts.length > 0) out.line();
  for (const receipt of receipts) printReceipt(out, receipt, label);
  out.line();
  out.line(text === undefined ? out.style("dim", "It is not a message that can be shown.") : visible(text));
}

function waitsFor({ direction }: DeliveryView): string {
  return direction === "out"
    ? "this device keeps it until the recipient has it"
    : "nothing has taken it from the inbox";
}

function labelOf(device: string, member: MemberView | undefined, own: string): string {
  if (device === own) return "this one";
  return member?.verified.devices.get(device)?.label ?? shortId(device);
}

type Out = CommandContext["out"];

/** The reason of a path is said once, until it is another one. */
function printFact(out: Out, fact: DeliveryFact, label: (device: string) => string, isNews: boolean): void {
  const { state, at, path, device, code, reason, via } = fact;
  const parts = [
    state.padEnd("dead-lettered".length),
    path === undefined ? "" : `path: ${path}`,
    device === undefined ? "" : `device: ${label(device)}`,
  ];
  out.line(`${out.style("dim", formatTime(at))}  ${visible(parts.filter((part) => part !== "").join("  ")).trimEnd()}`);
  const because = [
    ...(via === undefined || !isNews ? [] : [`because ${pathReasonText(via, path)}`]),
    ...(code === undefined && reason === undefined ? [] : [`${reason ?? ""}${code === undefined ? "" : ` (${code})`}`]),
  ];
  for (const line of because) out.line(out.style("dim", `  ${visible(line.trim())}`));
}

function printReceipt(
  out: Out,
  { state, verdict, says, receipt }: CheckedReceipt,
  label: (device: string) => string,
): void {
  const colour = ({ checked: "green", unchecked: "yellow", wrong: "red" } as const)[verdict];
  const range = receipt === undefined || receipt.from === receipt.to ? "" : `, for ${receipt.from} to ${receipt.to}`;
  const by = receipt === undefined ? "" : ` by ${visible(label(receipt.device))}${range}`;
  out.line(`receipt: ${state}${by}: ${out.style(colour, says)}`);
}

async function showLetter(context: CommandContext, offset: number): Promise<0> {
  const { out } = context;
  await withDevice(context, async ({ device }) => {
    const letter = (await mailboxLetters(device)).find((each) => each.offset === offset);
    if (letter === undefined)
      throw new ParleyError("not_found", { message: `The mailbox has no dead letter ${offset}.` });
    const name = await device.memberOf(letter.fromMember).then(
      (member) => member.name,
      () => undefined,
    );
    out.result({ mailbox: [{ place: "mailbox", ...letter, name }] }, () => printLetter(out, letter, name));
    return 0;
  });
  return 0;
}

function printLetter(out: Out, letter: DeadLetter, name: string | undefined): void {
  const { at, code, device, fromMember, fromDevice, bytes, expires, frame } = letter;
  out.line(`${out.style("bold", "dead-lettered")}  from ${nameOf(name, fromMember)}, in the mailbox`);
  const rows = [
    ["since", formatTime(at)],
    ["why", `a device could not take it (${code})`],
    ["device", shortId(device)],
    ["sent by", `device ${shortId(fromDevice)} of ${fromMember}`],
    ["expires", expires === 0 ? "never" : formatTime(expires)],
    ["size", `${formatBytes(bytes)}, sealed`],
    ["frame", frame],
  ] as const;
  for (const [what, says] of rows) out.line(`  ${out.style("dim", what.padEnd(11))}  ${says}`);
}
