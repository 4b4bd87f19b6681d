/** The known name that a mistyped one most likely means, or undefined when none is near. */
export function nearestName(typed: string, known: readonly string[]): string | undefined {
  const folded = typed.toLowerCase();
  const most = Math.max(1, Math.floor(Math.max(folded.length, 4) / 3));
  const near = known
    .map((name) => ({ name, distance: distanceOf(folded.slice(0, 64), name.toLowerCase()) }))
    .filter(({ distance, name }) => distance <= most || name.toLowerCase().startsWith(folded))
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.name;
}

/** Levenshtein's distance, with a swap of neighbours as one step. */
function distanceOf(left: string, right: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let best = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        best = Math.min(best, at(beforeLast, column - 2) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, right.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
