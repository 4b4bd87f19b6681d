/** Takes what has the form of a secret out of a text. */
import { assignment, isSecretName, looksChosen, secretForms, secretPlaces } from "./secret-forms.ts";

/** Stands where a secret was: always the same, so that it tells nothing but that something was there. */
export const redactedMark = "[secret removed]";

/** Longer texts are looked at in pieces that overlap by as much as a secret is long. */
const pieceCharacters = 256 * 1024;
const mostDepth = 64;

/** The text with a mark for each secret; the same text when there is none. */
export function redactSecrets(text: string): string {
  if (text.length > pieceCharacters) return redactPieces(text);
  let clean = text;
  for (const each of secretForms) clean = clean.replaceAll(each, redactedMark);
  for (const each of secretPlaces) clean = withoutGroup(clean, each, () => true);
  return withoutGroup(clean, assignment, (found) => {
    const { secret = "", quote = "", after = "" } = found.groups ?? {};
    if (after === "(" || after === "[") return false;
    return looksChosen(secret, quote !== "");
  });
}

/** A JSON value with its strings redacted. A field whose name says so is taken as one whose value is a secret. */
export function redactSecretsIn(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactSecrets(value);
  if (typeof value !== "object" || value === null || depth >= mostDepth) return value;
  if (Array.isArray(value)) return value.map((each) => redactSecretsIn(each, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      typeof each === "string" && isSecretName(name) && looksChosen(each, true)
        ? redactedMark
        : redactSecretsIn(each, depth + 1),
    ]),
  );
}

/** At line ends where there are some: a secret of several lines that is cut is longer than any that is known. */
function redactPieces(text: string): string {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const newline = text.lastIndexOf("\n", from + pieceCharacters);
    const to = newline > from + pieceCharacters / 2 ? newline + 1 : from + pieceCharacters;
    pieces.push(redactSecrets(text.slice(from, to)));
    from = to;
  }
  return pieces.join("");
}

function withoutGroup(text: string, pattern: RegExp, isSecret: (found: RegExpExecArray) => boolean): string {
  let clean = "";
  let done = 0;
  for (const found of text.matchAll(pattern)) {
    const place = found.indices?.groups?.["secret"];
    if (place === undefined || found[0].includes(redactedMark) || !isSecret(found)) continue;
    const [from, to] = place;
    clean += text.slice(done, from) + redactedMark;
    done = to;
  }
  return done === 0 ? text : clean + text.slice(done);
}
