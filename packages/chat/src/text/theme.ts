/** What each kind of text looks like. Colour is never the only sign: a mark, a word or weight always goes with it. */
import type { Color, Line, Style } from "./span.ts";

export interface Theme {
  /** Whether colours may be used at all (`NO_COLOR`, no-color.org). */
  readonly colours: boolean;
  /** Names of others get one of these each. */
  readonly authors: readonly Color[];
  readonly muted: Style;
  readonly strong: Style;
  readonly own: Style;
  readonly accent: Style;
  readonly good: Style;
  readonly warning: Style;
  readonly danger: Style;
  readonly link: Style;
  readonly mention: Style;
  readonly called: Style;
  readonly selected: Style;
}

export type Background = "light" | "dark" | "unknown";

const shared = {
  muted: { dim: true },
  strong: { bold: true },
  own: { bold: true },
  good: { color: "green" },
  danger: { color: "red", bold: true },
  link: { underline: true },
  called: { bold: true, inverse: true },
  selected: { inverse: true },
} as const satisfies Partial<Theme>;

/** Yellow and bright colours cannot be read on white, blue hardly on black. */
const byBackground = {
  dark: {
    authors: ["cyan", "green", "magenta", "yellow", "brightBlue", "brightRed"],
    accent: { color: "cyan" },
    warning: { color: "yellow" },
    mention: { color: "cyan", bold: true },
  },
  light: {
    authors: ["blue", "magenta", "green", "red", "cyan"],
    accent: { color: "blue" },
    warning: { color: "red" },
    mention: { color: "blue", bold: true },
  },
  unknown: {
    authors: ["cyan", "green", "magenta"],
    accent: { color: "cyan" },
    warning: { color: "magenta", bold: true },
    mention: { color: "cyan", bold: true },
  },
} as const satisfies Record<Background, Pick<Theme, "authors" | "accent" | "warning" | "mention">>;

export function themeFor(background: Background, colours: boolean): Theme {
  return { colours, ...shared, ...byBackground[background] };
}

/** A member's colour: the same one everywhere. */
export function authorStyle({ authors }: Theme, member: string): Style {
  let sum = 0;
  for (const character of member) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  const color = authors[sum % authors.length];
  return color === undefined ? { bold: true } : { bold: true, color };
}

const colourCodes: Readonly<Record<Color, number>> = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  brightRed: 91,
  brightGreen: 92,
  brightYellow: 93,
  brightBlue: 94,
  brightMagenta: 95,
  brightCyan: 96,
};

/** A line with the escape sequences (ECMA-48 SGR) of its styles. */
export function paintLine(line: Line, colours: boolean): string {
  return line.map(({ text, style }) => paint(text, codesOf(style, colours))).join("");
}

const paint = (text: string, codes: readonly number[]): string =>
  codes.length === 0 || text === "" ? text : `\u001B[${codes.join(";")}m${text}\u001B[0m`;

function codesOf(style: Style | undefined, colours: boolean): readonly number[] {
  if (style === undefined) return [];
  const { bold, dim, italic, underline, inverse, color } = style;
  return [
    ...(bold === true ? [1] : []),
    ...(dim === true ? [2] : []),
    ...(italic === true ? [3] : []),
    ...(underline === true ? [4] : []),
    ...(inverse === true ? [7] : []),
    ...(color === undefined || !colours ? [] : [colourCodes[color]]),
  ];
}

/** What a terminal says of its background, by `COLORFGBG` or its answer to OSC 11 (`rgb:RRRR/GGGG/BBBB`). */
export function backgroundOf(said: string | undefined): Background {
  if (said === undefined) return "unknown";
  const [red, green, blue] = said.match(/(?<=[:/])[0-9a-f]{2}/gi)?.map((hex) => Number.parseInt(hex, 16)) ?? [];
  if (red !== undefined && green !== undefined && blue !== undefined)
    return 0.3 * red + 0.6 * green + 0.1 * blue > 127 ? "light" : "dark";
  const last = /;(\d{1,2})$/.exec(said)?.[1];
  if (last === undefined) return "unknown";
  return last === "7" || last === "15" ? "light" : "dark";
}
