import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Vectors made by others are no part of the repository. */
const folder = join(process.env["PARLEY_VECTORS"] ?? join(import.meta.dirname, "../../../../shared/vectors"), "mls");

/** Why nothing is checked; empty when the vectors are there. */
export const leftOut = existsSync(folder)
  ? ""
  : `left out: no MLS vectors at ${folder} (PARLEY_VECTORS names another place)`;

/** What a file of `mlswg/mls-implementations` has for our suite; where no suite is named, everything. None where there are no vectors. */
export function vectors(name: string): readonly unknown[] {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return [];
  const all: readonly { readonly cipher_suite?: number }[] = JSON.parse(readFileSync(path, "utf8"));
  return all.filter((vector) => (vector.cipher_suite ?? 1) === 1);
}

export const fromHex = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The whole of some bytes by one of the library's decoders. */
export function decodedBy<Value>(
  decoder: (bytes: Uint8Array, at: number) => [Value, number] | undefined,
  hex: string,
): Value {
  const bytes = fromHex(hex);
  const decoded = decoder(bytes, 0);
  if (decoded === undefined || decoded[1] !== bytes.length) throw new Error("a vector does not decode");
  return decoded[0];
}
