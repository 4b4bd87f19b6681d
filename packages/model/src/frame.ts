/**
 * What others say, as a model gets it: facts that the library vouches for, and beside them, as a JSON string, the words. Nothing that
 * is said can end the string, or look like a frame: `<` and `>` are escaped in all of it.
 */

/** `message`: something that was said or asked. `result`: what a tool gave. `notice`: words of the library itself. */
export type FrameKind = "message" | "result" | "notice";

/** One frame: a tag that no content can hold, around one JSON value on one line. */
export function frame(kind: FrameKind, value: Readonly<Record<string, unknown>>): string {
  return `<parley-${kind}>${jsonWithoutTags(value)}</parley-${kind}>`;
}

/** JSON as it is, but for characters that could be taken for the edge of a frame or of a line. */
function jsonWithoutTags(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[<>\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same within `most` characters: of what is longer only the beginning is kept, and it says so. */
export function frameWithin(kind: FrameKind, value: Readonly<Record<string, unknown>>, most: number): string {
  const whole = frame(kind, value);
  if (whole.length <= most) return whole;
  const text = JSON.stringify(value);
  const cutAt = (kept: number): string =>
    frame(kind, { cut: true, characters: text.length, beginning: text.slice(0, kept) });
  // Escaped once more it is longer: halved until it fits.
  let kept = Math.max(0, most - 200);
  while (kept > 0 && cutAt(kept).length > most) kept = Math.floor(kept / 2);
  return cutAt(kept);
}
