/**
 * `npm run lab`: a small Internet of network namespaces with a router of every kind, real agents behind each, coturn and a
 * registry between. Tries every ordered pair, asks doctor on every host, cuts a busy link, revokes a member that has links of
 * every kind, and compares with the committed table. Options: `--pair full-sym` (one or more), `--no-cut`, `--revocation` (nothing
 * else), `--untimed` (tells of what is too slow and does not fail for it), `--json`, `--keep` (leaves everything running until Ctrl-C).
 * Exit 1 when something is not as it has to be, 2 for wrong usage, 3 when this account may not make networks.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type NatKind, natKinds } from "../../packages/cli/src/stun/nat-kind.ts";
import { namespaceRights } from "../../scripts/network-namespaces.ts";
import { aptLine, findProgram, type SystemProgramName } from "../../scripts/system-programs.ts";
import { type CutResult, tryCut } from "./cut-trial.ts";
import expectedPaths from "./expected-paths.json" with { type: "json" };
import { type Diagnosis, diagnose } from "./host-doctor.ts";
import { Internet } from "./internet.ts";
import { LabMesh } from "./lab-mesh.ts";
import { describeCut, describeDiagnosis, describePairs, describeRevocation, kindNamed } from "./lab-report.ts";
import { overAll } from "./over-all.ts";
import { type PairResult, tryPair } from "./pair-trial.ts";
import { revocationKinds, type RevocationResult, tryRevocation } from "./revocation-trial.ts";
import { TurnServer } from "./turn-server.ts";
import { type ExpectedPaths, type Finding, judgeCut, judgeDiagnosis, judgePair, judgeRevocation } from "./verdicts.ts";

type Pair = readonly [from: NatKind, to: NatKind];
const needs: readonly SystemProgramName[] = ["ip", "nft", "turnserver"];
const expected: ExpectedPaths = expectedPaths;
const withoutLinks: readonly NatKind[] = ["udp-blocked", "tcp-443-only"];
const unseen: Diagnosis = { host: "?", kind: "none", paths: {}, problems: [] };
/** A machine that is busy with something else delays one try, not three. */
const mostTries = 3;
const mostCuts = 2;
/** A link that is possible is up long before, also on a busy machine; where none is, there is no use in waiting long. */
const linkWaitMs = 6000;
const noLinkWaitMs = 3000;
const cutPair: Pair = ["port-restricted", "full-cone"];

function leave(code: number, sentence: string): never {
  process.stderr.write(`lab: ${sentence}\n`);
  process.exit(code);
}

function readPair(text: string): Pair {
  const [from, to] = text.split("-").map(kindNamed);
  if (from === undefined || to === undefined) leave(2, `--pair takes two of full, addr, port, …, as in full-sym`);
  return [from, to];
}

const { values } = parseArgs({
  options: {
    pair: { type: "string", multiple: true },
    "no-cut": { type: "boolean" },
    revocation: { type: "boolean" },
    untimed: { type: "boolean" },
    json: { type: "boolean" },
    keep: { type: "boolean" },
  },
});
const chosen = values.pair?.map(readPair);
const rights = namespaceRights();
if (rights === undefined) leave(3, "this account may not make network namespaces");
const missing = needs.filter((name) => findProgram(name) === undefined);
if (missing.length > 0) leave(3, `needs ${missing.join(", ")}: ${aptLine(missing)}`);

const started = performance.now();
const say = (text: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  if (values.json !== true) process.stdout.write(`${seconds} s  ${text}\n`);
};

const folder = await mkdtemp(join(tmpdir(), "parley-lab-"));
try {
  const wanted = values.revocation === true ? revocationKinds : chosen?.flat();
  const kinds = natKinds.filter((kind) => wanted === undefined || wanted.includes(kind));
  const pairs = chosen ?? natKinds.flatMap((from) => natKinds.map((to): Pair => [from, to]));
  await using internet = await Internet.start(rights, kinds);
  const secret = randomBytes(16).toString("hex");
  await using _turn = await TurnServer.start(internet.core, folder, secret);
  say(`${internet.hosts.length} hosts behind routers of ${kinds.length} kinds, coturn between`);
  await using mesh = await LabMesh.start(internet, folder, secret);
  say("registry up, all members admitted, the agents of side b run");
  const failures =
    values.revocation === true ? await runRevocation(internet, mesh) : await runLab(internet, mesh, pairs);
  for (const { text, isSlow } of failures) say(`${isSlow ? "SLOW " : "WRONG"}  ${text}`);
  if (failures.some(({ isSlow }) => !isSlow || values.untimed !== true)) process.exitCode = 1;
  if (values.keep === true) await keep(internet);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runLab(internet: Internet, mesh: LabMesh, pairs: readonly Pair[]): Promise<readonly Finding[]> {
  const diagnoses = await overAll(internet.hosts, 4, (host) => diagnose(mesh, host));
  for (const diagnosis of diagnoses) say(describeDiagnosis(diagnosis));
  const results = await tryPairs(internet, mesh, pairs);
  if (values.json !== true) process.stdout.write(`\n${describePairs(results)}\n\n`);
  const cut = await cutOnce(internet, mesh);
  if (cut !== undefined) say(describeCut(cut));
  const revocation = await revokeOnce(internet, mesh);
  if (revocation !== undefined) say(describeRevocation(revocation));
  const failures = [
    ...internet.hosts.flatMap((host, index) => judgeDiagnosis(host, diagnoses[index] ?? unseen, expected)),
    ...results.flatMap((result) => judgePair(result, expected)),
    ...(cut === undefined ? [] : judgeCut(cut)),
    ...(revocation === undefined ? [] : judgeRevocation(revocation)),
  ];
  if (values.json === true)
    process.stdout.write(`${JSON.stringify({ diagnoses, pairs: results, cut, revocation, failures })}\n`);
  else say(`${results.length} pairs, ${diagnoses.length} hosts, ${failures.length} wrong`);
  return failures;
}

/** Links are timed one at a time; where none is possible, the waits run beside each other. */
async function tryPairs(internet: Internet, mesh: LabMesh, pairs: readonly Pair[]): Promise<readonly PairResult[]> {
  const attempt = async ([from, to]: Pair, tries = 1): Promise<PairResult> => {
    const result = await tryPair(mesh, internet.host("a", from), internet.host("b", to), waitOf([from, to]));
    const isRight = judgePair(result, expected).length === 0;
    say(`${from} to ${to}: first ${result.firstPath ?? "none"}, then ${result.finalPath ?? "none"}${detail(result)}`);
    if (isRight || tries === mostTries) return result;
    say(`${from} to ${to}: again, ${textsOf(judgePair(result, expected))}`);
    return attempt([from, to], tries + 1);
  };
  const timed = await overAll(pairs.filter(isTimed), 1, (pair) => attempt(pair));
  // One caller makes one pair at a time.
  const groups = Map.groupBy(
    pairs.filter((pair) => !isTimed(pair)),
    ([from]) => from,
  );
  const others = await Promise.all([...groups.values()].map((group) => overAll(group, 1, (pair) => attempt(pair))));
  return [...timed, ...others.flat()];
}

function isTimed(pair: Pair): boolean {
  return !pair.some((kind) => withoutLinks.includes(kind));
}

function waitOf(pair: Pair): number {
  return isTimed(pair) ? linkWaitMs : noLinkWaitMs;
}

function detail({ linkMs, route, reason }: PairResult): string {
  return linkMs === undefined ? `  (${reason ?? "no link"})` : `  link ${Math.round(linkMs)} ms  ${route ?? ""}`;
}

function textsOf(findings: readonly Finding[]): string {
  return findings.map(({ text }) => text).join(", ");
}

async function cutOnce(internet: Internet, mesh: LabMesh): Promise<CutResult | undefined> {
  if (values["no-cut"] === true || chosen !== undefined) return undefined;
  const [from, to] = cutPair;
  for (let tries = 1; ; tries++) {
    const cut = await tryCut(mesh, internet, internet.host("a", from), internet.host("b", to));
    const failures = judgeCut(cut);
    if (failures.length === 0 || tries === mostCuts) return cut;
    say(describeCut(cut));
    say(`again, ${textsOf(failures)}`);
  }
}

/** Comes last: whoever is revoked is of no use any more. */
async function revokeOnce(internet: Internet, mesh: LabMesh): Promise<RevocationResult | undefined> {
  return chosen === undefined ? tryRevocation(mesh, internet) : undefined;
}

async function runRevocation(internet: Internet, mesh: LabMesh): Promise<readonly Finding[]> {
  const revocation = await tryRevocation(mesh, internet);
  const failures = judgeRevocation(revocation);
  if (values.json === true) process.stdout.write(`${JSON.stringify({ revocation, failures })}\n`);
  else say(describeRevocation(revocation));
  return failures;
}

async function keep(internet: Internet): Promise<void> {
  for (const { name, machine, router } of internet.hosts) {
    process.stderr.write(
      `${name}\n  ${machine.enter.join(" ")} bash\n  router: ${router.enter.join(" ")} nft list ruleset\n`,
    );
  }
  process.stderr.write(`Everything is kept in ${folder} until Ctrl-C.\n`);
  await once(process, "SIGINT");
}
