/**
 * `npm run chaos`: real processes under load, killed, paused, cut off and restarted on a seeded schedule. Options:
 * `--minutes N` (default 5), `--seed N`, `--rate N` durable messages a second (default 300), `--every S` seconds from one
 * fault to the next (default 5), `--folder DIR` to keep homes, evidence and logs in, `--check DIR` to judge the evidence of
 * an earlier run again, `--json`; `--board` runs tasks on the board instead (see board-main.ts). Exit 1 when something was lost, false, out of order
 * or repeated without cause, when a planted lie was believed, or when a kind of fault never happened.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type ChaosProgress, type ChaosResult, judge, type Judgement, runChaos } from "./chaos-run.ts";

/** Below this many faults not every kind can be expected. */
const faultsForAllKinds = 60;
const progressMs = 10_000;

function number(text: string | undefined, otherwise: number, name: string): number {
  const value = text === undefined ? otherwise : Number(text);
  if (value > 0) return value;
  process.stderr.write(`chaos: --${name} takes a number above 0\n`);
  process.exit(2);
}

const text = { type: "string" } as const;
if (process.argv.includes("--board")) {
  await import("./board-main.ts");
  process.exit();
}
const { values } = parseArgs({
  options: { minutes: text, seed: text, rate: text, every: text, folder: text, check: text, json: { type: "boolean" } },
});
const seed = number(values.seed, 1 + Math.floor(Math.random() * 2 ** 31), "seed");
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "parley-chaos-"));

let shownAt = 0;
let shownPhase = "";
function show({ phase, elapsedMs, faults, accepted, handled, redelivered, waiting }: ChaosProgress): void {
  if (phase === shownPhase && performance.now() - shownAt < progressMs) return;
  [shownAt, shownPhase] = [performance.now(), phase];
  const facts = `${faults} faults, ${accepted} accepted, ${handled} handled, ${redelivered} redelivered`;
  const left = phase === "settling" ? `, ${waiting} waiting` : "";
  process.stderr.write(`${(elapsedMs / 1000).toFixed(0).padStart(5)} s  ${phase.padEnd(9)} ${facts}${left}\n`);
}

/** What is wrong with a run, in sentences; nothing when it passed. */
function wrongsOf({ verdict, lies }: Judgement): readonly string[] {
  return [
    ...lies.filter(({ refused }) => !refused).map(({ name }) => `the checker believed ${name}`),
    ...(verdict.counts.handled === 0 ? ["nothing was handled"] : []),
    ...Object.entries(verdict.found).map(([kind, count]) => `${kind}: ${count}`),
  ];
}

function wrongsOfRun(result: ChaosResult): readonly string[] {
  const all = Object.values(result.faults).reduce((sum, count) => sum + count, 0);
  const never = Object.entries(result.faults).filter(([, count]) => count === 0);
  return [
    ...(result.settledInMs === undefined ? ["not everything was settled in time"] : []),
    ...(all >= faultsForAllKinds ? never.map(([kind]) => `no ${kind} happened`) : []),
    ...wrongsOf(result),
  ];
}

function describeRun(result: ChaosResult): string {
  return [
    `seed          ${result.seed}`,
    `faults        ${Object.values(result.faults).reduce((sum, count) => sum + count, 0)}: ${list(result.faults)}`,
    `settled in    ${result.settledInMs === undefined ? "never" : `${(result.settledInMs / 1000).toFixed(1)} s`}`,
    "",
  ].join("\n");
}

function list(all: Readonly<Record<string, number>>): string {
  const words = Object.entries(all).map(([name, count]) => `${name} ${count}`);
  return words.join(", ") || "none";
}

function describe(result: Judgement, wrong: readonly string[]): string {
  const { counts, findings } = result.verdict;
  return [
    `accepted      ${counts.accepted} durable, ${counts.acceptedLive} live`,
    `handled       ${counts.handled} durable (${list(counts.paths)}), ${counts.handledLive} live`,
    `redelivered   ${counts.redelivered}: ${counts.afterRestart} after a restart, ${counts.afterHolder} after a change of holder`,
    `other ends    ${list(counts.ends)}`,
    `unseen        ${counts.acceptedUnseen} accepted, ${counts.settledUnseen} settled as their sender was killed`,
    `tasks         ${counts.tasksAsked} asked, ${counts.tasksAnswered} answered, ${counts.tasksFailed} failed`,
    `longest       ${(counts.longestMs / 1000).toFixed(1)} s from accepted to handled, ${(counts.longestGapMs / 1000).toFixed(1)} s without any handling`,
    `lies refused  ${result.lies.filter(({ refused }) => refused).length} of ${result.lies.length}`,
    `troubles      ${list(result.troubles)}`,
    ...findings.map(({ kind, text: what }) => `  ${kind}: ${what}`),
    wrong.length === 0 ? "passed" : `FAILED: ${wrong.join("; ")}`,
    "",
  ].join("\n");
}

if (values.check !== undefined) {
  const judgement = judge(values.check);
  const wrong = wrongsOf(judgement);
  process.stdout.write(
    values.json === true ? `${JSON.stringify({ ...judgement, wrong })}\n` : describe(judgement, wrong),
  );
  process.exit(wrong.length === 0 ? 0 : 1);
}
const result = await runChaos({
  seed,
  loadMs: number(values.minutes, 5, "minutes") * 60_000,
  rate: number(values.rate, 300, "rate"),
  everyMs: number(values.every, 5, "every") * 1000,
  folder,
  onProgress: show,
});
const wrong = wrongsOfRun(result);
process.stdout.write(
  values.json === true ? `${JSON.stringify({ ...result, wrong })}\n` : describeRun(result) + describe(result, wrong),
);
if (wrong.length > 0) process.stderr.write(`The evidence is in ${folder}.\n`);
else if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
process.exit(wrong.length === 0 ? 0 : 1);
