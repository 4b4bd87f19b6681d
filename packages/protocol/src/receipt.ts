/**
 * Receipt: what a device says, and signs, about a range of a durable stream that it reads. The acknowledgement moves
 * the stream on; the receipt is the evidence, which anybody who knows the device's key can check.
 */
import { fromBase64url, toBase64url } from "./ids.ts";

/** States that the recipient's device vouches for, by number on the wire. */
export const receiptStateCodes = { delivered: 1, handled: 2, read: 3, "dead-lettered": 4 } as const;
export type ReceiptState = keyof typeof receiptStateCodes;

const stateNames = new Map<number, ReceiptState>(
  Object.entries(receiptStateCodes).map(([name, code]) => [code, name as ReceiptState]),
);

export function receiptStateOf(code: number): ReceiptState | undefined {
  return stateNames.get(code);
}

export interface Receipt {
  /** Of the stream, 16 bytes in base64url. */
  readonly epoch: string;
  readonly state: ReceiptState;
  /** First and last number of the range. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970 by the device's clock. */
  readonly at: number;
}

/** The stream that a receipt is about: ids of 32 bytes in base64url. */
export interface ReceiptParties {
  readonly mesh: string;
  readonly sender: string;
  readonly senderDevice: string;
  readonly recipient: string;
  /** The device that signs. */
  readonly device: string;
}

const label = new TextEncoder().encode("parley receipt v1\0");
const idBytes = 32;
const epochByteCount = 16;

/** What the signature of a receipt covers: label, mesh, sender, its device, recipient, its device, epoch, state, from(8), to(8), at(6). */
export function receiptBytes(parties: ReceiptParties, receipt: Receipt): Uint8Array<ArrayBuffer> {
  const { mesh, sender, senderDevice, recipient, device } = parties;
  const bytes = new Uint8Array(label.length + idBytes * 5 + epochByteCount + 1 + 8 + 8 + 6);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (part: Uint8Array | undefined, length: number): void => {
    bytes.set((part ?? new Uint8Array()).subarray(0, length), at);
    at += length;
  };
  put(label, label.length);
  for (const id of [mesh, sender, senderDevice, recipient, device]) put(fromBase64url(id), idBytes);
  put(fromBase64url(receipt.epoch), epochByteCount);
  view.setUint8(at, receiptStateCodes[receipt.state]);
  view.setBigUint64(at + 1, BigInt(receipt.from));
  view.setBigUint64(at + 9, BigInt(receipt.to));
  view.setUint16(at + 17, Math.floor(receipt.at / 2 ** 32));
  view.setUint32(at + 19, receipt.at % 2 ** 32);
  return bytes;
}

/** A receipt as it is kept: with what its signature covers, but for mesh, sender and recipient, which its keeper knows. */
export interface KeptReceipt extends Receipt {
  readonly senderDevice: string;
  /** The device that signed. */
  readonly device: string;
  readonly signature: Uint8Array<ArrayBuffer>;
}

const signatureByteCount = 64;
const coveredOffset = label.length + idBytes * 5;
const coveredBytes = epochByteCount + 1 + 8 + 8 + 6;
const keptBytes = idBytes * 2 + coveredBytes + signatureByteCount;

/** senderDevice(32) device(32), then epoch to `at` as the signature covers them, then the signature(64). */
export function keptReceiptBytes(
  parties: ReceiptParties,
  receipt: Receipt,
  signature: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const kept = new Uint8Array(keptBytes);
  const ids = [parties.senderDevice, parties.device].map((id) => fromBase64url(id) ?? new Uint8Array());
  for (const [index, id] of ids.entries()) kept.set(id.subarray(0, idBytes), index * idBytes);
  kept.set(receiptBytes(parties, receipt).subarray(coveredOffset), idBytes * 2);
  kept.set(signature.subarray(0, signatureByteCount), idBytes * 2 + coveredBytes);
  return kept;
}

/** Undefined for bytes that are no kept receipt. */
export function keptReceiptOf(bytes: Uint8Array): KeptReceipt | undefined {
  if (bytes.length !== keptBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const text = (from: number, length: number): string => toBase64url(bytes.slice(from, from + length));
  const at = idBytes * 2 + epochByteCount;
  const state = receiptStateOf(view.getUint8(at));
  if (state === undefined) return undefined;
  return {
    senderDevice: text(0, idBytes),
    device: text(idBytes, idBytes),
    epoch: text(idBytes * 2, epochByteCount),
    state,
    from: Number(view.getBigUint64(at + 1)),
    to: Number(view.getBigUint64(at + 9)),
    at: view.getUint16(at + 17) * 2 ** 32 + view.getUint32(at + 19),
    signature: bytes.slice(idBytes * 2 + coveredBytes),
  };
}
