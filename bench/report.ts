import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

import type { Row, Target } from "./figures.ts";
import type { Spread } from "./spread.ts";

const short = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-GB") : String(Number(value.toPrecision(3)));
const range = ({ min, max }: Spread): string => `${short(min)} – ${short(max)}`;
const targetOf = ({ at, value }: Target): string => `${at === "least" ? "≥" : "≤"} ${value}`;

const headings = ["", "unit", "beside", "", "Parley", "from – to", "ratio", "from – to", "target"];
/** Columns of words; the others hold numbers. */
const wordColumns: ReadonlySet<number> = new Set([0, 1, 2]);

function cellsOf({ title, unit, baseline, parley, ratio, target, note }: Row): readonly string[] {
  return [
    note === undefined ? title : `${title} (${note})`,
    unit,
    baseline?.name ?? "",
    baseline === undefined ? "" : short(baseline.spread.median),
    short(parley.median),
    range(parley),
    ratio === undefined ? "" : String(ratio.median),
    ratio === undefined ? "" : range(ratio),
    target === undefined ? "" : targetOf(target),
  ];
}

/** The rows as one aligned table. */
export function table(rows: readonly Row[]): string {
  const lines = [headings, ...rows.map(cellsOf)];
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? "").length)));
  const padded = (cell: string, column: number): string =>
    wordColumns.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return lines.map((cells) => cells.map(padded).join("  ").trimEnd()).join("\n");
}

function versionOf(name: string): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8"),
  );
  return (manifest as { readonly version: string }).version;
}

/** Where and with what the figures were taken. */
export function surroundings() {
  return {
    node: process.version,
    nodeDatachannel: versionOf("node-datachannel"),
    a2aSdk: versionOf("@a2a-js/sdk"),
    express: versionOf("express"),
    natsClient: versionOf("@nats-io/transport-node"),
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg().map((value) => Number(value.toFixed(2))),
  };
}

/** The one object that `--json` prints: the ratios by name, then everything they were made of. */
export function jsonOf(rows: readonly Row[], rest: Readonly<Record<string, unknown>>): string {
  const named = rows.flatMap(({ field, ratio, parley }) =>
    field === undefined ? [] : [[field, (ratio ?? parley).median]],
  );
  const figures = rows.map(({ key, ...row }) => [key, row]);
  return JSON.stringify({ ...Object.fromEntries(named), ...rest, figures: Object.fromEntries(figures) });
}
