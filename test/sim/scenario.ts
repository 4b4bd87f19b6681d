/** One seed: a small mesh, some work, some trouble, then quiet; and what must be so all the time and in the end. */
import { SeededRandom } from "@parley/testkit";

import type { Cast, CastMember } from "./cast.ts";
import { Violation } from "./checker.ts";
import { largeCollections, watchCollections } from "./collections.ts";
import type { Coverage } from "./coverage.ts";
import { faultNames, healAll, strike } from "./faults.ts";
import { Scheduler, type TraceLine } from "./scheduler.ts";
import type { HandlerMood } from "./sim-device.ts";
import { type MeshPlan, SimMesh } from "./sim-mesh.ts";

export interface ScenarioResult {
  readonly seed: number;
  readonly steps: number;
  readonly hash: string;
  readonly error: Error | undefined;
  readonly lastLines: readonly TraceLine[];
}

export interface ScenarioOptions {
  readonly seed: number;
  readonly cast: Cast;
  readonly coverage: Coverage;
  /** Members with more devices than this stay away. */
  readonly mostDevices?: number;
  /** How much longer than a short one it is. Default 1. */
  readonly length?: number;
  readonly print?: (line: TraceLine) => void;
}

/** The mesh has this long to come to rest once all is well again. */
const restMs = 1_200_000;
/** How often it is looked whether it has. */
const restEvery = 50;
const bootMs = 3000;
/** Messages handed over in one go, at most. */
const burst = 12;
const longBurst = 150;
/** Items that a map or a set of a mesh at rest may hold, however much went through it. */
const mostAtRest = 200;
/** What remembers up to a bound of its own: what was delivered until it is handled, what it said, and which counters were seen. */
const bounded = [
  "client/src/delivery-ledger.ts",
  "client/src/conversations/direct-intake.ts",
  "core/src/seal/replay-window.ts",
];

/** A node that soon has enough of a device that does not read. */
const narrow = {
  congestedBytes: 40_000,
  mailboxAheadBytes: 100_000,
  sessionBufferBytes: 1_000_000,
  slowReaderMs: 1500,
};

function makePlan(random: SeededRandom, cast: Cast, mostDevices: number): MeshPlan {
  const count = 2 + (random.chance(0.4) ? 1 : 0) + (random.chance(0.2) ? 1 : 0);
  const pool = cast.members.filter(({ devices }) => devices.length <= mostDevices);
  const members: CastMember[] = [];
  while (members.length < count) members.push(...pool.splice(random.below(pool.length), 1));
  const isNarrow = process.env["PARLEY_SIM_NARROW"] === "1" && random.chance(0.15);
  return {
    members,
    links: random.pick(["direct", "direct", "turn", "mixed", "none"] as const),
    policy: random.chance(0.1) ? "relay" : "all",
    faults: {
      offsetGaps: random.chance(0.5),
      lateWatch: random.chance(0.3),
      conflicts: random.chance(0.3),
    },
    bounds: {
      ...(random.chance(0.15)
        ? { mailboxFrames: 24 + random.below(24), mailboxFramesPerSender: 12 + random.below(12) }
        : {}),
      ...(isNarrow ? narrow : {}),
    },
    journalEntries: random.chance(0.1) ? 4 + random.below(8) : undefined,
    bufferScale: random.chance(0.2) && !isNarrow ? 8 : 1,
    slowness: random.pick([0.3, 1, 1, 4]),
  };
}

/** One thing that somebody does. */
function work(mesh: SimMesh, mostAtOnce: number): void {
  const { random, plan, coverage } = mesh;
  const from = random.pick(mesh.devices);
  const to = random.pick(plan.members);
  if (from.running === undefined || to.member === from.member) return;
  const luck = random.fraction();
  if (luck < 0.72) {
    const ttlMs = random.chance(0.08) ? 200 + random.below(20_000) : 0;
    const size = random.chance(0.04) ? 60_000 + random.below(120_000) : random.below(40);
    const burst = random.chance(0.15) ? 2 + random.below(mostAtOnce) : 1;
    for (let at = 0; at < burst; at++) from.send(to, { class: "durable", ttlMs, size });
    coverage.count("work:durable", burst);
  } else if (luck < 0.86) {
    from.send(to, { class: "live", ttlMs: 0, size: random.below(40) });
    coverage.count("work:live");
  } else if (to.kind === "agent") {
    from.delegate(to, random.chance(0.3) ? random.below(300) : undefined);
    coverage.count("work:delegate");
  }
}

function mood(random: SeededRandom): HandlerMood {
  const luck = random.fraction();
  if (luck < 0.8) return { takesMs: random.below(4), ends: "returns" };
  if (luck < 0.9) return { takesMs: random.below(3000), ends: "returns" };
  if (luck < 0.93) return { takesMs: 60_000, ends: "returns" };
  return luck < 0.98 ? { takesMs: 1, ends: "throws" } : { takesMs: 0, ends: "crashes" };
}

/** Goes on and on, each time after another pause, until told otherwise. */
function repeatedly(mesh: SimMesh, meanMs: number, isOver: () => boolean, act: () => void): void {
  const next = (): void =>
    void mesh.scheduler.in(-Math.log(1 - mesh.random.fraction()) * meanMs, undefined, "plan", () => {
      if (isOver()) return;
      act();
      next();
    });
  next();
}

/** What is still to be done, in words. */
async function unrest(mesh: SimMesh): Promise<readonly string[]> {
  const left = [...mesh.checker.unfinished(mesh.devices)];
  for (const device of mesh.devices) {
    if (device.running?.state !== "connected")
      left.push(`${device.machine.name} is ${device.running?.state ?? "not there"}`);
    if (device.pendingCalls > 0)
      left.push(`${device.machine.name} has ${device.pendingCalls} calls that do not return`);
    const { outbox } = await device.journal.load();
    if (outbox.length > 0) left.push(`${device.machine.name} has ${outbox.length} in its outbox`);
    const inbox = await device.journal.pendingInbox();
    if (inbox.length > 0) left.push(`${device.machine.name} has ${inbox.length} in its inbox`);
  }
  return left;
}

export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const { seed, cast, coverage, length = 1, mostDevices = Number.POSITIVE_INFINITY, print } = options;
  const random = new SeededRandom(seed);
  const scheduler = new Scheduler(print);
  const plan = makePlan(random, cast, mostDevices);
  const mesh = new SimMesh({ scheduler, seed: seed ^ 0x5eed, coverage, cast, plan });
  let error: Error | undefined;
  watchCollections(length > 1);
  try {
    await mesh.found();
    await runPhases(mesh, random, length);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown : new Error(String(thrown));
  }
  coverage.count("steps", scheduler.steps);
  return { seed, steps: scheduler.steps, hash: scheduler.hash, error, lastLines: scheduler.lastLines };
}

async function runPhases(mesh: SimMesh, random: SeededRandom, length: number): Promise<void> {
  const { scheduler } = mesh;
  mesh.registry.start();
  for (const device of mesh.devices) {
    device.mood = () => mood(random);
    scheduler.in(random.below(bootMs), undefined, "boot", () => device.start());
  }
  const troubleMs = length * (3000 + random.below(15_000));
  const kinds = faultNames.filter(() => random.chance(0.5));
  let isOver = false;
  repeatedly(
    mesh,
    500 + random.below(2000),
    () => isOver,
    () => work(mesh, length > 1 ? longBurst : burst),
  );
  if (kinds.length > 0)
    repeatedly(
      mesh,
      800 + random.below(5000),
      () => isOver,
      () => strike(mesh, kinds),
    );
  scheduler.in(troubleMs, undefined, "heal", () => {
    isOver = true;
    scheduler.note("all is well again");
    // What was started ends by itself; what ends later finds nothing left to end.
    healAll(mesh);
  });
  await scheduler.run(
    () => isOver,
    () => undefined,
  );
  await rest(mesh);
}

/** Whoever gave up for want of a right clock, or was stopped, is started by somebody. */
function startStopped(mesh: SimMesh): void {
  for (const device of mesh.devices) {
    if (device.running?.state === "stopped") mesh.crash(device, false);
    if (device.life === undefined) device.start();
  }
  if (mesh.registry.life === undefined) mesh.registry.start();
}

/** At rest nothing is left of what went through. */
async function checkMemory(): Promise<void> {
  const [largest] = (await largeCollections(mostAtRest)).filter(
    ({ site }) => !bounded.some((file) => site.startsWith(file)),
  );
  if (largest !== undefined)
    throw new Violation("memory bounded", `${largest.size} items are left in what ${largest.site} made`);
}

/** Time passes until everything is done, or the time for it is over. */
async function rest(mesh: SimMesh): Promise<void> {
  const { scheduler } = mesh;
  const until = scheduler.time + restMs;
  for (;;) {
    startStopped(mesh);
    const left = await unrest(mesh);
    if (left.length === 0) return checkMemory();
    if (scheduler.time > until) throw new Violation("all settled in the end", left.slice(0, 6).join("; "));
    const pause = scheduler.steps + restEvery;
    await scheduler.run(
      () => scheduler.steps >= pause,
      () => undefined,
    );
  }
}
