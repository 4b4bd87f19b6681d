import { expect, it } from "vitest";

import { keptReceiptBytes, keptReceiptOf, type Receipt, receiptBytes, toBase64url } from "../src/index.ts";

const id = (fill: number): string => toBase64url(new Uint8Array(32).fill(fill));
const parties = { mesh: id(1), sender: id(2), senderDevice: id(3), recipient: id(4), device: id(5) };
const receipt: Receipt = {
  epoch: toBase64url(new Uint8Array(16).fill(6)),
  state: "handled",
  from: 3,
  to: 2 ** 40,
  at: 2 ** 40 + 7,
};
const signature = new Uint8Array(64).fill(9);

it("keeps of a receipt what its signature covers, and reads it back", () => {
  const kept = keptReceiptOf(keptReceiptBytes(parties, receipt, signature));
  expect(kept).toEqual({ ...receipt, senderDevice: parties.senderDevice, device: parties.device, signature });
  if (kept === undefined) throw new Error("not read");
  const { senderDevice, device, signature: _, ...rest } = kept;
  expect(receiptBytes({ ...parties, senderDevice, device }, rest)).toEqual(receiptBytes(parties, receipt));
});

it("reads a receipt that lies within other bytes", () => {
  const bytes = keptReceiptBytes(parties, receipt, signature);
  const padded = new Uint8Array([0, 0, 0, ...bytes]);
  expect(keptReceiptOf(padded.subarray(3))).toEqual(keptReceiptOf(bytes));
});

it("reads nothing else as a receipt", () => {
  const bytes = keptReceiptBytes(parties, receipt, signature);
  const other = bytes.slice();
  other[80] = 99;
  for (const wrong of [new Uint8Array(), signature, bytes.subarray(1), new Uint8Array([...bytes, 0]), other])
    expect(keptReceiptOf(wrong)).toBeUndefined();
});
