/**
 * An upper bound, not itself a name, of all names under a prefix. Prefixes are empty or end in `/`, whose successor is `0`; every
 * character of a name sorts before `~`.
 */
export function lastKeyUnder(prefix: string): string {
  return prefix === "" ? "~" : `${prefix.slice(0, -1)}0`;
}
