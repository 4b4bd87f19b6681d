/**
 * How well a text fits what was typed of it: every character in order, better at beginnings of words and side by side.
 * Undefined when it does not fit; an empty query fits everything alike.
 */
function fuzzyScore(query: string, text: string): number | undefined {
  const wanted = query.toLowerCase();
  if (wanted.trim() === "") return 0;
  const given = text.toLowerCase();
  let score = 0;
  let from = 0;
  let last = -2;
  for (const character of wanted) {
    if (character === " ") continue;
    const at = given.indexOf(character, from);
    if (at < 0) return undefined;
    const isStart = at === 0 || /[^\p{L}\p{N}]/u.test(given[at - 1] ?? "");
    score += (at === last + 1 ? 8 : 0) + (isStart ? 6 : 0) - Math.min(at - from, 4);
    last = at;
    from = at + character.length;
  }
  return score - text.length / 100;
}

/** Those that fit, the best first. */
export function fuzzyFilter<Item>(
  query: string,
  items: readonly Item[],
  textOf: (item: Item) => string,
): readonly Item[] {
  return items
    .map((item) => ({ item, score: fuzzyScore(query, textOf(item)) }))
    .filter((each): each is { item: Item; score: number } => each.score !== undefined)
    .toSorted((one, other) => other.score - one.score)
    .map(({ item }) => item);
}
