import { ParleyError } from "@parley/protocol";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** JSON bodies of envelopes. Throws `malformed_frame` when the bytes are not UTF-8. */
export function textOf(body: Uint8Array): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new ParleyError("malformed_frame", { message: "A body is not UTF-8.", cause });
  }
}

export function bodyOf(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}
