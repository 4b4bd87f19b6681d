/**
 * `npm run fuzz`: feeds hostile input to everything that takes input from strangers. Options: `--surface NAME` (one or
 * more), `--seconds N` in all (default 60, without end when `--frames` is given), `--frames N` and `--seeds N` for each surface, `--seed N` to run one case
 * again, `--json`. Exit 1 when an invariant broke: a crash, a hang, an escaped exception, memory without bound, a close
 * without a documented code, a planted secret in a log.
 */
import { parseArgs } from "node:util";

import { openAuditSurface } from "./audit-surface.ts";
import { type Bounds, fuzzSurface, type SurfaceResult } from "./fuzz-surface.ts";
import { Guard } from "./guard.ts";
import { openHttpSurface } from "./http-surface.ts";
import { openLinkSurface } from "./link-surface.ts";
import { openManifestSurface } from "./manifest-surface.ts";
import { openPolicySurface } from "./policy-surface.ts";
import { openProtocolSurface } from "./protocol-surface.ts";
import { openSocketSurface } from "./socket-surface.ts";
import { openWebsocketSurface } from "./websocket-surface.ts";

const surfaces = {
  protocol: openProtocolSurface,
  websocket: openWebsocketSurface,
  http: openHttpSurface,
  link: openLinkSurface,
  socket: openSocketSurface,
  audit: openAuditSurface,
  policy: openPolicySurface,
  manifest: openManifestSurface,
} as const;
type SurfaceName = keyof typeof surfaces;

const progressMs = 500;

function usage(sentence: string): never {
  process.stderr.write(`fuzz: ${sentence}\n`);
  process.exit(2);
}

function positive(text: string | undefined, otherwise: number, name: string): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value >= 0)) usage(`--${name} takes a number`);
  return value;
}

function readOptions(): { readonly names: readonly SurfaceName[]; readonly bounds: Bounds; readonly json: boolean } {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      surface: { ...text, multiple: true },
      seconds: text,
      frames: text,
      seeds: text,
      seed: text,
      json: { type: "boolean" },
    },
  });
  const names = values.surface ?? Object.keys(surfaces);
  const unknown = names.find((name) => !(name in surfaces));
  if (unknown !== undefined) usage(`no surface is called ${unknown}; there are ${Object.keys(surfaces).join(", ")}`);
  const bounds = {
    seconds:
      positive(values.seconds, values.frames === undefined ? 60 : Number.POSITIVE_INFINITY, "seconds") / names.length,
    frames: positive(values.frames, Number.POSITIVE_INFINITY, "frames"),
    seeds: values.seed === undefined ? positive(values.seeds, Number.POSITIVE_INFINITY, "seeds") : 1,
    firstSeed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : positive(values.seed, 0, "seed"),
  };
  return { names: names as SurfaceName[], bounds, json: values.json ?? false };
}

function showProgress(name: string): (frames: number, seed: number) => void {
  let shown = 0;
  return (frames, seed) => {
    if (!process.stderr.isTTY || performance.now() - shown < progressMs) return;
    shown = performance.now();
    process.stderr.write(`\r${name.padEnd(10)} ${frames.toLocaleString("en")} frames, seed ${seed}   `);
  };
}

function describeResult({ surface, frames, seconds, framesPerMinute, failure }: SurfaceResult): string {
  const head = `${failure === undefined ? "ok  " : "FAIL"} ${surface.padEnd(10)} ${frames.toLocaleString("en")} frames in ${seconds} s, ${framesPerMinute.toLocaleString("en")} a minute\n`;
  if (failure === undefined) return head;
  const cause = failure.cause === undefined ? "" : `     because of ${failure.cause}\n`;
  return `${head}     ${failure.message}\n${cause}     again: npm run fuzz -- --surface ${surface} --seed ${failure.seed}\n`;
}

const { names, bounds, json } = readOptions();
const guard = new Guard();
const results: SurfaceResult[] = [];
for (const name of names) {
  const result = await fuzzSurface(name, surfaces[name], bounds, guard, showProgress(name));
  results.push(result);
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  (json ? process.stderr : process.stdout).write(describeResult(result));
}
const failed = results.filter(({ failure }) => failure !== undefined).length;
const frames = results.reduce((sum, result) => sum + result.frames, 0);
if (json)
  process.stdout.write(
    `${JSON.stringify({ frames, firstSeed: bounds.firstSeed, surfaces: results, passed: results.length - failed, failed })}\n`,
  );
process.exit(failed === 0 ? 0 : 1);
