/** A source as the librarian read it. */
export interface ReadSource {
  readonly citation: string;
  readonly heading: string;
  readonly text: string;
}

export interface ChosenSentence {
  readonly text: string;
  /** Index of its source. */
  readonly source: number;
}

const minCharacters = 30;
const maxCharacters = 400;
/** A sentence that shares less than this part of what the best one shares is left out. */
const leastShare = 0.5;

/** The sentences that share most words with the topic, at most `perSource` of each source, in the order they stand there. */
export function chooseSentences(
  topic: string,
  sources: readonly ReadSource[],
  perSource: number,
): readonly ChosenSentence[] {
  const wanted = stemsOf(topic);
  const seen = new Set<string>();
  const rated = sources.map(({ text, heading }) =>
    sentencesOf(text).map((sentence, position) => ({ sentence, position, rate: rateOf(sentence, heading, wanted) })),
  );
  const least = Math.max(0, ...rated.flat().map(({ rate }) => rate)) * leastShare;
  return rated.flatMap((sentences, source) => {
    const best = sentences
      .filter(({ rate, sentence }) => rate > 0 && rate >= least && !seen.has(sentence))
      .toSorted((a, b) => b.rate - a.rate || a.position - b.position)
      .slice(0, perSource)
      .toSorted((a, b) => a.position - b.position);
    for (const { sentence } of best) seen.add(sentence);
    return best.map(({ sentence }) => ({ text: sentence, source }));
  });
}

/** Sentences of prose and rows of tables; headings and code have none. */
export function sentencesOf(markdown: string): readonly string[] {
  const lines = markdown.replaceAll(/^\s*(```|~~~)[\s\S]*?^\s*\1.*$/gm, "").split("\n");
  const text = lines.map((line, index) => (isRow(line) ? rowOf(line, lines[index + 1]) : proseOf(line))).join("\n");
  return text
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.replaceAll(/\s+/g, " ").split(/(?<=[.!?])\s+(?=[\p{Lu}`*"(])/u))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length >= minCharacters && sentence.length <= maxCharacters);
}

/** Items of lists and rows of tables are paragraphs of their own. */
function proseOf(line: string): string {
  return /^\s*(#|>|---|\d{4}-)/.test(line) ? "" : line.replace(/^\s*(?:[-*+]|\d+\.)\s+/, "\n").trim();
}

function isRow(line: string): boolean {
  return /^\s*\|.*\|\s*$/.test(line);
}

/** A row as a sentence: its first two cells. The row of headings and the line below it say nothing. */
function rowOf(line: string, next: string | undefined): string {
  const rule = /^\s*\|[\s:|-]+\|\s*$/;
  if (rule.test(line) || (next !== undefined && rule.test(next))) return "";
  const [first, second] = line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim())
    .filter((cell) => cell !== "");
  return first === undefined || second === undefined ? "" : `\n${first}: ${second}.\n`;
}

/** Share of the topic's words in a sentence; a word that only its heading has counts for half. */
function rateOf(sentence: string, heading: string, wanted: ReadonlySet<string>): number {
  const own = stemsOf(sentence);
  const above = stemsOf(heading);
  const points = [...wanted].map((word) => (own.has(word) ? 1 : above.has(word) ? 0.5 : 0));
  return points.reduce<number>((sum, point) => sum + point, 0) / Math.max(1, wanted.size);
}

function stemsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [];
  return new Set(words.map((word) => word.replace(/(ing|ed|es|s)$/, "")));
}
