/** Checks what devices of a recipient signed about a message, with the keys on its member's list. */
import type { DeviceApi, DeliveryView, MemberView } from "@parley/client";
import { verifyReceipt } from "@parley/core";
import { type DeliveryState, fromBase64url, type KeptReceipt, keptReceiptOf } from "@parley/protocol";

/** What checking a receipt came to. */
export interface CheckedReceipt {
  readonly state: DeliveryState;
  readonly verdict: "checked" | "unchecked" | "wrong";
  readonly says: string;
  readonly receipt: KeptReceipt | undefined;
}

/** `recipient` is undefined when it cannot be looked up now. */
export async function checkReceipts(
  device: Pick<DeviceApi, "mesh" | "member">,
  record: DeliveryView,
  recipient: MemberView | undefined,
): Promise<readonly CheckedReceipt[]> {
  const checked: CheckedReceipt[] = [];
  for (const [name, text] of Object.entries(record.receipts)) {
    const state = name as DeliveryState;
    const receipt = keptReceiptOf(fromBase64url(text) ?? new Uint8Array());
    checked.push({ state, receipt, ...(await judge(device, record, recipient, state, receipt)) });
  }
  return checked;
}

async function judge(
  { mesh, member }: Pick<DeviceApi, "mesh" | "member">,
  record: DeliveryView,
  recipient: MemberView | undefined,
  state: DeliveryState,
  receipt: KeptReceipt | undefined,
): Promise<Pick<CheckedReceipt, "verdict" | "says">> {
  if (receipt === undefined) return { verdict: "unchecked", says: "cannot be checked: it was not kept whole" };
  const { epoch, from, to, device, signature } = receipt;
  const covers = receipt.state === state && epoch === record.epoch && from <= record.seq && record.seq <= to;
  if (!covers) return { verdict: "wrong", says: "does not fit: it is about other messages" };
  if (recipient === undefined)
    return { verdict: "unchecked", says: "cannot be checked now: the registry, which has the keys, is away" };
  const key = recipient.verified.devices.get(device)?.key;
  if (key === undefined)
    return { verdict: "unchecked", says: "cannot be checked now: its device is no longer on its member's list" };
  const parties = { mesh, sender: member, senderDevice: receipt.senderDevice, recipient: record.member, device };
  return (await verifyReceipt(key, parties, receipt, signature))
    ? { verdict: "checked", says: "signature checked" }
    : { verdict: "wrong", says: "the signature does not match" };
}
