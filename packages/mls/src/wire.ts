import { limits, ParleyError } from "@parley/protocol";
import type { MLSMessage } from "ts-mls";
import { decodeMlsMessage, encodeMlsMessage } from "ts-mls/message.js";

import { guardedNow } from "./failure.ts";

type Format = MLSMessage["wireformat"];
type MessageOf<Name extends Format> = Extract<MLSMessage, { wireformat: Name }>;

/** An MLSMessage (RFC 9420 section 6) of one wire format, with nothing after it. Reads a copy. Throws `malformed_frame`, `too_large`. */
export function readMessage<Name extends Format>(
  format: Name,
  bytes: Uint8Array,
  most: number = limits.groupMessageBytes,
): MessageOf<Name> {
  if (bytes.length > most) throw new ParleyError("too_large", { message: `An MLS message is above ${most} bytes.` });
  const decoded = guardedNow("malformed_frame", () => decodeMlsMessage(bytes.slice(), 0));
  if (decoded === undefined || decoded[1] !== bytes.length || decoded[0].wireformat !== format)
    throw new ParleyError("malformed_frame", { message: `The bytes are no MLS message of format ${format}.` });
  return decoded[0] as MessageOf<Name>;
}

/** Throws `too_large` for what others would refuse. */
export function writeMessage(message: MLSMessage, most: number = limits.groupMessageBytes): Uint8Array<ArrayBuffer> {
  const bytes = encodeMlsMessage(message) as Uint8Array<ArrayBuffer>;
  if (bytes.length > most) throw new ParleyError("too_large", { message: `An MLS message is above ${most} bytes.` });
  return bytes;
}
