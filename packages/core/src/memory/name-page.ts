import type { NamePage } from "../ports/log.ts";

/** One page of sorted names that begin with `prefix` and come after `after`. */
export function pageOfNames(sorted: readonly string[], prefix: string, after: string, limit: number): NamePage {
  const names: string[] = [];
  for (let index = firstAfter(sorted, prefix, after); index < sorted.length; index++) {
    const name = sorted[index];
    if (name === undefined || !name.startsWith(prefix)) break;
    if (names.length === limit) return { names, complete: false };
    names.push(name);
  }
  return { names, complete: true };
}

function firstAfter(sorted: readonly string[], prefix: string, after: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const name = sorted[middle] ?? "";
    if (name < prefix || (after !== "" && name <= after)) low = middle + 1;
    else high = middle;
  }
  return low;
}
