/**
 * Text from others must not steer a terminal or mislead its reader: control characters (but line feed and tab), characters
 * that change the direction of what stands beside them (Unicode TR36 section 2.5), line and paragraph separators,
 * invisible fillers and tag characters become visible as `\u{…}`. The joiners of scripts and emoji stay.
 */
const unseen =
  /[^\P{Cc}\n\t]|[\u17B4-\u17B5]|[\u061C\u115F\u1160\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFB]|[\u{E0000}-\u{E0FFF}]|\p{Cs}/gu;

export function visible(text: string): string {
  return text.replaceAll(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`);
}
