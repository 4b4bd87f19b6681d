import type { DeliveryView, MemberView } from "@parley/client";
import { createSigner, signReceipt } from "@parley/core";
import { keptReceiptBytes, type Receipt, toBase64url } from "@parley/protocol";
import { expect, it } from "vitest";

import { checkReceipts } from "../src/receipt-check.ts";

const id = (fill: number): string => toBase64url(new Uint8Array(32).fill(fill));
const epoch = toBase64url(new Uint8Array(16).fill(1));
const own = { mesh: id(1), member: id(2) };
const parties = { mesh: own.mesh, sender: own.member, senderDevice: id(3), recipient: id(4), device: id(5) };
const receipt: Receipt = { epoch, state: "handled", from: 3, to: 9, at: 1000 };

const signer = await createSigner("device");
const kept = async (changes: Partial<Receipt> = {}): Promise<string> => {
  const signed = { ...receipt, ...changes };
  return toBase64url(keptReceiptBytes(parties, signed, await signReceipt(signer, parties, signed)));
};
const record = (receipts: DeliveryView["receipts"], seq = 5): DeliveryView =>
  ({ member: parties.recipient, epoch, seq, receipts }) as DeliveryView;
const listing = (key: string): MemberView =>
  ({ verified: { devices: new Map([[parties.device, { key }]]) } }) as unknown as MemberView;

async function verdict(text: string, view: MemberView | undefined, seq = 5): Promise<string> {
  const [checked] = await checkReceipts(own, record({ handled: text }, seq), view);
  return `${checked?.verdict}: ${checked?.says}`;
}

it("believes a receipt that the listed device signed about this very message", async () => {
  for (const seq of [3, 5, 9])
    expect(await verdict(await kept(), listing(signer.publicKey), seq)).toBe("checked: signature checked");
});

it("says when a receipt cannot be checked now", async () => {
  expect(await verdict(await kept(), undefined)).toContain("unchecked: cannot be checked now");
  const gone = { verified: { devices: new Map() } } as unknown as MemberView;
  expect(await verdict(await kept(), gone)).toContain("unchecked: cannot be checked now");
  expect(await verdict("AAAA", listing(signer.publicKey))).toContain("unchecked: cannot be checked");
});

it("does not believe one that is about other messages, another state, or signed by another key", async () => {
  for (const seq of [2, 10])
    expect(await verdict(await kept(), listing(signer.publicKey), seq)).toContain("wrong: does not fit");
  expect(await verdict(await kept({ state: "read" }), listing(signer.publicKey))).toContain("wrong: does not fit");
  const other = toBase64url(new Uint8Array(16).fill(2));
  expect(await verdict(await kept({ epoch: other }), listing(signer.publicKey))).toContain("wrong: does not fit");
  const { publicKey } = await createSigner("device");
  expect(await verdict(await kept(), listing(publicKey))).toBe("wrong: the signature does not match");
});
