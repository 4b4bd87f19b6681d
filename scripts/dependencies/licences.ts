/** Permissive licences, any of which will do (SPDX ids). */
const permissive = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unlicense",
] as const;

/** Licences of a file, not of what uses it: allowed where the package is used as it came. */
const byFile = ["MPL-2.0"] as const;

/** As some packages write what SPDX calls otherwise. */
const asWritten: Readonly<Record<string, string>> = { "MPL 2.0": "MPL-2.0" };

/** The SPDX expression of what a package says, or undefined when it says nothing. */
export function licenceOf(written: string | undefined): string | undefined {
  return written === undefined ? undefined : (asWritten[written] ?? written);
}

/** Whether an expression gives the choice of a licence that is allowed (SPDX, annex D: `(A OR B)`). */
export function isAllowed(expression: string | undefined): boolean {
  if (expression === undefined) return false;
  const choices = expression.replaceAll(/^\(|\)$/g, "").split(" OR ");
  return choices.some((choice) => [...permissive, ...byFile].some((licence) => licence === choice));
}
