import type { ChosenSentence, ReadSource } from "./sentences.ts";

/** The report: one paragraph per source, each sentence with its number, and the sources at the end. */
export function writeReport(
  topic: string,
  sources: readonly ReadSource[],
  sentences: readonly ChosenSentence[],
): string {
  const used = sources
    .map((source, index) => ({ ...source, index }))
    .filter(({ index }) => sentences.some(({ source }) => source === index));
  const number = (source: number): number => used.findIndex(({ index }) => index === source) + 1;
  const lines = [`# ${titleOf(topic)}`, ""];
  if (used.length === 0) return [...lines, "The sources say nothing about this.", ""].join("\n");
  for (const { index, heading } of used) {
    const said = sentences.filter(({ source }) => source === index).map(({ text }) => `${text} [${number(index)}]`);
    lines.push(`**${heading.split(" › ").at(-1) ?? heading}.** ${said.join(" ")}`, "");
  }
  lines.push(
    "## Sources",
    "",
    ...used.map(({ index, citation, heading }) => `${number(index)}. \`${citation}\` ${heading}`),
    "",
  );
  return lines.join("\n");
}

/** The topic in one line, fit for a heading. */
function titleOf(topic: string): string {
  const line = topic.replaceAll(/[\s#*_`<>[\]\\]+/g, " ").trim();
  return line.charAt(0).toUpperCase() + line.slice(1);
}
