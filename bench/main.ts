/** `npm run bench`: what Parley costs beside the bare stack and beside A2A over HTTP, on this machine, in one run. */
import { parseArgs } from "node:util";

import { Child } from "./child.ts";
import type { Bench, Measure, Row } from "./figures.ts";
import { board } from "./measures/board.ts";
import { calls } from "./measures/calls.ts";
import { channelMembers } from "./measures/channel-members.ts";
import { drain } from "./measures/drain.ts";
import { durable } from "./measures/durable.ts";
import { fanOut } from "./measures/fan-out.ts";
import { firstContact } from "./measures/first-contact.ts";
import { firstPage } from "./measures/first-page.ts";
import { flood } from "./measures/flood.ts";
import { memory } from "./measures/memory.ts";
import { messages } from "./measures/messages.ts";
import { mls } from "./measures/mls.ts";
import { nested } from "./measures/nested.ts";
import { ready } from "./measures/ready.ts";
import { sidecar } from "./measures/sidecar.ts";
import { jsonOf, surroundings, table } from "./report.ts";

const measures: readonly Measure[] = [
  messages,
  durable,
  drain,
  calls,
  firstContact,
  memory,
  ready,
  mls,
  fanOut,
  channelMembers,
  firstPage,
  flood,
  board,
  nested,
  sidecar,
];
const names = measures.map(({ name }) => name).join(", ");
const usage = `npm run bench -- [options]
  --seconds N    bound on each single measurement (default 2)
  --rounds N     repetitions; what is compared is measured in turn (default 5)
  --only NAME    one part, may be given again: ${names}
  --json         the last line is one JSON object with all figures
  --help         this page

Example: npm run bench -- --only calls --seconds 1 --json
`;

interface Settings {
  readonly seconds: number;
  readonly rounds: number;
  readonly chosen: readonly Measure[];
  readonly json: boolean;
}

class UsageError extends Error {}

function positive(text: string, flag: string, most: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= most)) throw new UsageError(`--${flag} takes a number above 0, at most ${most}.`);
  return value;
}

function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "5" },
      only: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  for (const name of values.only) {
    if (!measures.some((measure) => measure.name === name))
      throw new UsageError(`There is no part called ${name}; the parts are ${names}.`);
  }
  return {
    seconds: positive(values.seconds, "seconds", 60),
    rounds: Math.ceil(positive(values.rounds, "rounds", 100)),
    chosen: values.only.length === 0 ? measures : measures.filter(({ name }) => values.only.includes(name)),
    json: values.json,
  };
}

let lastPart = "";

/** One line that is written over on a terminal; elsewhere a line for each part, named before the comma. */
function progress(text: string): void {
  const part = text.split(",")[0] ?? text;
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else if (part !== lastPart) process.stderr.write(`${part}\n`);
  lastPart = part;
}

async function run({ seconds, rounds, chosen, json }: Settings): Promise<boolean> {
  const rows: Row[] = [];
  const broken: string[] = [];
  const leftOut: string[] = [];
  const before = surroundings();
  const started = performance.now();
  const bench: Bench = {
    seconds,
    rounds,
    progress,
    record: (row) => void rows.push(row),
    broken: (what) => void broken.push(what),
    leftOut: (what) => void leftOut.push(what),
  };
  for (const measure of chosen) {
    try {
      await measure.run(bench);
    } finally {
      await Child.stopAll();
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const took = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`${table(rows)}\n\nmedians; ${rounds} rounds of ${seconds} s; took ${took} s\n`);
  for (const what of leftOut) process.stdout.write(`left out: ${what}\n`);
  for (const what of broken) process.stdout.write(`broken: ${what}\n`);
  if (json) {
    process.stdout.write(
      `${jsonOf(rows, { seconds, rounds, tookSeconds: took, broken, leftOut, surroundings: before })}\n`,
    );
  }
  return broken.length === 0;
}

/** What `parseArgs` throws about flags that it does not know. */
function isWrongFlag(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const settings = settingsOf(args);
    if (settings === undefined) {
      process.stdout.write(usage);
      return 0;
    }
    return (await run(settings)) ? 0 : 1;
  } catch (error) {
    const wrongUse = error instanceof UsageError || isWrongFlag(error);
    process.stderr.write(
      `\n${wrongUse ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : String(error)}\n`}`,
    );
    return wrongUse ? 2 : 1;
  }
}

// So that an interrupted run leaves nothing behind either.
process.once("SIGINT", () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
