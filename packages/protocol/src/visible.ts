/**
 * Text from others must not steer a terminal, mislead its reader, or carry what a reader does not see to a model. Control
 * characters (but line feed and tab), characters that change the direction of what stands beside them (Unicode TR36 section
 * 2.5), line and paragraph separators, invisible fillers, tag characters and variation selectors that vary nothing become
 * visible as `\u{…}`. The joiners of scripts and emoji stay where they join something, and the selector that makes a
 * character an emoji after a character that can be one.
 *
 * The one function for chat, commands, logs for people, and what an agent's program is handed.
 */
export function visible(text: string): string {
  return text.replaceAll(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`);
}

/** Emoji, what follows one in its sequence, marks, and letters of scripts that are written joined or stacked. */
const joinable =
  "\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\uFE0F\\p{M}\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gurmukhi}\\p{Script=Gujarati}\\p{Script=Oriya}\\p{Script=Tamil}\\p{Script=Telugu}\\p{Script=Kannada}\\p{Script=Malayalam}\\p{Script=Sinhala}\\p{Script=Khmer}\\p{Script=Myanmar}\\p{Script=Mongolian}";

const unseen = new RegExp(
  [
    "[^\\P{Cc}\\n\\t]",
    "[\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180E\\u200B\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u206F\\u2800\\u3164\\uFEFF\\uFFA0\\uFFF9-\\uFFFB]",
    "[\\u{E0000}-\\u{E0FFF}]",
    "[\\u{1D173}-\\u{1D17A}\\u{13430}-\\u{1343F}\\u{1BCA0}-\\u{1BCA3}]",
    "\\p{Cs}",
    `(?<![${joinable}])[\\u200C\\u200D]`,
    "[\\uFE00-\\uFE0D]",
    "(?<![\\p{Emoji}\\p{So}\\p{Sm}\\p{P}])[\\uFE0E\\uFE0F]",
    "[\\u180B-\\u180D\\u180F]",
  ].join("|"),
  "gu",
);
