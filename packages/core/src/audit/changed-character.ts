import { limits } from "@parley/protocol";

/** One character of an entry that is not what it was. Entries are ASCII, so it is a byte up to there. */
export interface ChangedCharacter {
  /** From 0. */
  readonly at: number;
  readonly was: string;
  readonly is: string;
}

const firstPrintable = 0x20;
const lastPrintable = 0x7e;

/** SHA-256 of a text in base64url, at once: the platform's own hash, since tens of thousands are needed. */
export type QuickHash = (text: string) => string;

/**
 * Looks for the one character that was changed: with another one in its place the text has the wanted hash. Undefined when
 * more than one was changed. Tries some 30,000 texts.
 */
export function findChangedCharacter(text: string, wanted: string, hash: QuickHash): ChangedCharacter | undefined {
  if (text.length > limits.auditEntryBytes) return undefined;
  for (let at = 0; at < text.length; at++) {
    const [before, after] = [text.slice(0, at), text.slice(at + 1)];
    for (let code = firstPrintable; code <= lastPrintable; code++) {
      const was = String.fromCharCode(code);
      if (hash(`${before}${was}${after}`) === wanted) return { at, was, is: text.charAt(at) };
    }
  }
  return undefined;
}
