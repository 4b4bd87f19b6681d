import { encodeDelivery, encodeRoutedHeader, type ErrorCode, joinRoutedFrame, type RoutedHeader } from "@parley/protocol";

import { fixedId, hexOf, vectorTime } from "./identities.ts";

const header: RoutedHeader = {
  store: false,
  suite: 1,
  toMember: fixedId(32, 1),
  toDevice: fixedId(32, 2),
  fromMember: fixedId(32, 3),
  fromDevice: fixedId(32, 4),
  frameId: fixedId(16, 5),
  expires: vectorTime,
  keyId: fixedId(8, 6),
  bootNonce: fixedId(16, 7),
  encapsulated: new Uint8Array(32).fill(8),
  counter: 2 ** 47,
};
const signature = new Uint8Array(64).fill(9);
const content = new Uint8Array([1, 2, 3]);

const write = (change: Partial<RoutedHeader> = {}): Uint8Array<ArrayBuffer> => joinRoutedFrame(encodeRoutedHeader({ ...header, ...change }), signature, content);

/** The frame with one byte set. */
function withByte(at: number, value: number): string {
  const bytes = write();
  bytes[at] = value;
  return hexOf(bytes);
}

const stored: Partial<RoutedHeader> = { store: true, toDevice: undefined, bootNonce: undefined, expires: 0, counter: 1 };
const cases: readonly (readonly [string, Partial<RoutedHeader>])[] = [
  ["for one start of one device", {}],
  ["for the mailbox of a member", stored],
];

/** Routed frames and deliveries; the content is opaque here. */
export function routedFrameVectors(): object {
  const invalid = (name: string, hex: string, code: ErrorCode): object => ({ name, hex, code });
  return {
    valid: cases.map(([name, change]) => ({
      name,
      hex: hexOf(write(change)),
      header: { ...header, ...change, encapsulated: hexOf(header.encapsulated) },
      signature: hexOf(signature),
      content: hexOf(content),
    })),
    invalid: [
      invalid("no content", hexOf(write().subarray(0, 280)), "malformed_frame"),
      invalid("version 2", withByte(0, 2), "unsupported_version"),
      invalid("store 2", withByte(1, 2), "malformed_frame"),
      invalid("suite 2", withByte(2, 2), "unsupported_version"),
      invalid("reserved byte in use", withByte(3, 1), "malformed_frame"),
    ],
    deliveries: {
      valid: [
        { name: "relayed", hex: hexOf(encodeDelivery({ mailbox: undefined, frame: content })), frame: hexOf(content) },
        { name: "from the mailbox", hex: hexOf(encodeDelivery({ mailbox: { offset: 300, previous: 7 }, frame: content })), mailbox: { offset: 300, previous: 7, redelivered: false }, frame: hexOf(content) },
        { name: "again from the mailbox", hex: hexOf(encodeDelivery({ mailbox: { offset: 300, previous: 7, redelivered: true }, frame: content })), mailbox: { offset: 300, previous: 7, redelivered: true }, frame: hexOf(content) },
      ],
      invalid: [invalid("no frame", "00".repeat(13), "malformed_frame"), invalid("unknown kind", `03${"00".repeat(13)}`, "malformed_frame")],
    },
  };
}
