/**
 * `npm run chaos -- --board`: tasks on the board while worker, asker and registry are killed at random. Options: `--tasks N` (default
 * 1000), `--workers N` (4), `--every S` seconds from one kill to the next (2), `--kills N` at most (60), `--seed N`, `--folder DIR`, `--json`. Exit 1 when a
 * task has no end, two, or one with a reason that is not true, or when one was begun more often than kills explain.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { runBoard } from "./board-run.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    board: { type: "boolean" },
    tasks: text,
    workers: text,
    every: text,
    kills: text,
    seed: text,
    folder: text,
    json: { type: "boolean" },
  },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "parley-board-"));
const result = await runBoard({
  tasks: Number(values.tasks ?? 1000),
  workers: Number(values.workers ?? 4),
  everyMs: Number(values.every ?? 2) * 1000,
  mostKills: Number(values.kills ?? 60),
  seed: Number(values.seed ?? 1 + Math.floor(Math.random() * 2 ** 31)),
  folder,
  onProgress: (line) => process.stderr.write(`${line}\n`),
});
const { wrongs, kills, completed, deadLetters, extraStarts, executions, tookMs, seed } = result;
const list = (all: Readonly<Record<string, number>>): string =>
  Object.entries(all)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";
process.stdout.write(
  values.json === true
    ? `${JSON.stringify(result)}\n`
    : [
        `seed          ${seed}`,
        `kills         ${list(kills)}`,
        `completed     ${completed} in ${(tookMs / 1000).toFixed(1)} s, ${executions} executions`,
        `dead letters  ${list(deadLetters)}`,
        `extra starts  ${extraStarts}`,
        ...wrongs.slice(0, 20).map((wrong) => `  ${wrong}`),
        wrongs.length === 0 ? "passed" : `FAILED: ${wrongs.length} wrong`,
        "",
      ].join("\n"),
);
if (wrongs.length > 0) process.stderr.write(`The evidence is in ${folder}.\n`);
else if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
process.exit(wrongs.length === 0 ? 0 : 1);
