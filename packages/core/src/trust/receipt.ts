import { type Receipt, receiptBytes, type ReceiptParties } from "@parley/protocol";

import { signBytes, type Signer, verifyBytes } from "./keys.ts";

/** Signs a receipt with the key of the device that it speaks for. */
export function signReceipt(
  signer: Signer,
  parties: ReceiptParties,
  receipt: Receipt,
): Promise<Uint8Array<ArrayBuffer>> {
  return signBytes(signer, receiptBytes(parties, receipt));
}

/** Whether a device signed this. `key` is the one on its member's device list. */
export function verifyReceipt(
  key: string,
  parties: ReceiptParties,
  receipt: Receipt,
  signature: Uint8Array,
): Promise<boolean> {
  return verifyBytes(key, signature.slice(), receiptBytes(parties, receipt));
}
