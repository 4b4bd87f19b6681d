/** Damages signals, the same way for the same seed. */
import type { LinkSignal } from "@parley/core";

/** A copy of `signal` with one to four accidents: flipped, cut, doubled or swapped text, or another type. */
export function mangle(signal: LinkSignal, seed: number): LinkSignal {
  const next = sequence(seed + (signal.type === "candidate" ? signal.candidate : signal.sdp).length);
  const accidents = 1 + (next() % 4);
  const spoil = (text: string) => {
    let spoilt = text;
    for (let count = 0; count < accidents; count++) spoilt = accident(spoilt, next);
    return spoilt;
  };
  if (signal.type === "candidate") return { ...signal, candidate: spoil(signal.candidate) };
  return { type: next() % 8 === 0 ? "answer" : signal.type, sdp: spoil(signal.sdp) };
}

function accident(text: string, next: () => number): string {
  const at = next() % (text.length + 1);
  const lines = text.split("\r\n");
  const line = next() % lines.length;
  switch (next() % 6) {
    case 0:
      return text.slice(0, at) + String.fromCodePoint(next() % 0x3ff) + text.slice(at + 1);
    case 1:
      return text.slice(0, at);
    case 2:
      return lines.toSpliced(line, 0, lines[next() % lines.length] ?? "").join("\r\n");
    case 3:
      return lines.toSpliced(line, 1).join("\r\n");
    case 4:
      return text.replace(/\d+/, "9".repeat(1 + (next() % 24)));
    default:
      return lines.with(line, (lines[line] ?? "").slice(0, 1 + (next() % 24)) + " -1").join("\r\n");
  }
}

/** Whole numbers below 2^31, by Mulberry32. */
function sequence(seed: number): () => number {
  let state = (seed + 1) * 0x9e37_79b9;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 1;
  };
}
