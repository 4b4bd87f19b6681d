import { canceled } from "./persistence.ts";

/** Work on a few numbers at a time, results in order: while one is taken the next ones are under way. Throws `canceled`. */
export async function* ahead<Result>(
  range: { readonly from: number; readonly to: number; readonly width: number },
  signal: AbortSignal,
  work: (number: number, signal: AbortSignal) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const { from, to, width } = range;
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const running: Promise<Result>[] = [];
  let next = from;
  try {
    for (;;) {
      while (next < to && running.length < width) {
        const begun = work(next++, either);
        // Who comes first is told; the others end quietly.
        begun.catch(() => undefined);
        running.push(begun);
      }
      const first = running.shift();
      if (first === undefined) return;
      const result = await first;
      if (signal.aborted) throw canceled(signal);
      yield result;
    }
  } finally {
    // Whoever stops taking, or a failure, ends what is still under way.
    ending.abort();
    await Promise.allSettled(running);
  }
}
