/** Edits that turn one word into the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Two letters changed places are two edits. */
const mostEdits = (name: string): number => (name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3)));

/** The name that somebody may have meant, with ` (did you mean …?)` around it; empty when none is near. */
export function suggestion(typed: string, names: readonly string[]): string {
  const word = typed.slice(0, 64);
  const near = names.map((name) => ({ name, edits: distance(word, name) })).sort((a, b) => a.edits - b.edits)[0];
  return near !== undefined && near.edits <= mostEdits(near.name) ? ` (did you mean ${near.name}?)` : "";
}
