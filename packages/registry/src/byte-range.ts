/** A range of bytes, from the first to before the end; `unsatisfiable` when there is nothing of it. */
export type ByteRange = { readonly from: number; readonly to: number } | "unsatisfiable";

/**
 * Reads a `range` header for content of some size (RFC 9110 section 14.1.2). Undefined when the whole is to be sent: no
 * header, another unit, several ranges, or one that is not of the documented form (section 14.2 lets a server ignore it).
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const from = Math.max(0, size - Number(last));
    return from < size ? { from, to: size } : "unsatisfiable";
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return undefined;
  if (from >= size) return "unsatisfiable";
  return { from, to: last === "" ? size : Math.min(size, Number(last) + 1) };
}
