/** What a terminal is asked for beside what Ink asks: reports of mouse and focus, its background, its title. */

const esc = "\u001B";

/** Presses and wheel (1000) in SGR form (1006), focus (1004). With Shift a terminal selects text as ever. */
export const modesOn = `${esc}[?1000h${esc}[?1006h${esc}[?1004h`;
export const modesOff = `${esc}[?1004l${esc}[?1006l${esc}[?1000l`;
export const askBackground = `${esc}]11;?\u0007`;
export const bell = "\u0007";
/** Puts the title aside, and takes it back (xterm's window operations). */
export const keepTitle = `${esc}[22;2t`;
export const restoreTitle = `${esc}[23;2t`;

/** A title, without anything that could end it early. */
export const titled = (title: string): string => `${esc}]2;${title.replaceAll(/[\p{Cc}\p{Cf}]/gu, "")}\u0007`;
