import { readFileSync } from "node:fs";

/** A file of `packages/protocol/vectors`. */
export function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"));
}

export const fromHex = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));

/** A decoded value as the vectors write it: bytes in hexadecimal, no undefined fields. */
export function asVector(value: unknown): unknown {
  const hex = (_key: string, field: unknown): unknown =>
    field instanceof Uint8Array ? Buffer.from(field).toString("hex") : field;
  return JSON.parse(JSON.stringify(value, hex));
}
