import { spawn } from "node:child_process";
/** One run: a mesh of real processes on networks of its own, load, faults, quiet, and the verdict. */
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { systemClock } from "@parley/core";
import { SeededRandom } from "@parley/testkit";

import { root } from "../../scripts/child.ts";
import { findProgram } from "../../scripts/system-programs.ts";
import { Star } from "../lab/star.ts";
import { ChaosProcess } from "./chaos-process.ts";
import { check } from "./checker.ts";
import { prepareCoturn } from "./coturn.ts";
import { type DeviceLine, type Evidence, EvidenceFile, linesOf, type Party, type ScheduleLine } from "./evidence.ts";
import { FaultInjector, type Placed } from "./fault-injector.ts";
import { type FaultKind, faultsOf } from "./faults.ts";
import type { MemberReport, MemberSettings } from "./member-settings.ts";
import { type LieResult, plantLies } from "./planted-lies.ts";
import { RouterCuts } from "./router-cuts.ts";
import type { StewardAnswer, StewardSettings } from "./steward-settings.ts";
import type { Verdict } from "./verdict.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly loadMs: number;
  /** Durable messages a second, all devices together. */
  readonly rate: number;
  /** Milliseconds from one fault to the next, on average. */
  readonly everyMs: number;
  /** Folder for homes, evidence and what processes print; made anew. */
  readonly folder: string;
  readonly onProgress: (progress: ChaosProgress) => void;
}

export interface ChaosProgress {
  readonly phase: "starting" | "load" | "settling" | "checking";
  readonly elapsedMs: number;
  readonly faults: number;
  readonly accepted: number;
  readonly handled: number;
  readonly redelivered: number;
  /** Messages that wait in outboxes and inboxes; known while settling only. */
  readonly waiting: number;
}

/** What the evidence of a run says. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly lies: readonly LieResult[];
  readonly troubles: Readonly<Record<string, number>>;
}

export interface ChaosResult extends Judgement {
  readonly seed: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly settledInMs: number | undefined;
}

interface Member {
  readonly name: string;
  readonly kind: Party["kind"];
  readonly devices: number;
  readonly linkPolicy: MemberSettings["linkPolicy"];
}

/** Agents alone and in three instances, one that reaches others through TURN only, and a person with two devices. */
const layout: readonly Member[] = [
  { name: "ant", kind: "agent", devices: 1, linkPolicy: "all" },
  { name: "bee", kind: "agent", devices: 1, linkPolicy: "all" },
  { name: "cat", kind: "agent", devices: 1, linkPolicy: "relay" },
  { name: "hive", kind: "agent", devices: 3, linkPolicy: "all" },
  { name: "pat", kind: "person", devices: 2, linkPolicy: "all" },
];
const partiesFile = "parties.json";
const registryPort = 8080;
const turnPort = 3478;
const turnSecret = "a secret of this run only";
const startMs = 60_000;
const stewardMs = 120_000;
/** After the load ends and everything is healed, all must be settled within this. */
const settleMs = 240_000;
const quietMs = 4000;
const pollMs = 1000;
/** A process that ended by itself is started again after this, so that the run goes on. */
const reviveMs = 1000;

/** What the evidence in a folder says. */
export function judge(folder: string): Judgement {
  const parties = JSON.parse(readFileSync(join(folder, partiesFile), "utf8")) as readonly Party[];
  const devices = new Map(
    parties
      .flatMap((party) => party.devices)
      .map(({ process, device }) => [device, linesOf<DeviceLine>(join(folder, `${process}.jsonl`))]),
  );
  const evidence = { parties, devices, schedule: linesOf<ScheduleLine>(join(folder, "schedule.jsonl")) };
  const verdict = check(evidence);
  return { verdict, lies: plantLies(evidence, verdict), troubles: troublesIn(evidence) };
}

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  rmSync(options.folder, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const count = layout.reduce((sum, { devices }) => sum + devices, 2);
  await using star = await Star.start(count);
  await using run = new ChaosRun(options, star);
  return await run.run();
}

class ChaosRun implements AsyncDisposable {
  readonly #options: ChaosOptions;
  readonly #star: Star;
  readonly #schedule: EvidenceFile<ScheduleLine>;
  readonly #random: SeededRandom;
  readonly #registry: Placed;
  readonly #coturn: Placed;
  readonly #members: Placed[] = [];
  readonly #parties: Party[] = [];
  readonly #started = performance.now();
  /** Newest report of each device's life, and the sums of the lives before. */
  readonly #reports = new Map<string, MemberReport>();
  readonly #earlier = { accepted: 0, handled: 0, redelivered: 0 };
  #injector: FaultInjector | undefined;
  #names: Readonly<Record<string, string>> = {};
  #loading = false;
  /** Processes that ended by themselves while nothing was done to them. */
  readonly #gone: string[] = [];

  constructor(options: ChaosOptions, star: Star) {
    this.#options = options;
    this.#star = star;
    this.#random = new SeededRandom(options.seed);
    this.#schedule = new EvidenceFile(this.#path("schedule.jsonl"));
    this.#registry = this.#service("registry", 0, this.#registryCommand(), { PARLEY_TURN_SECRET: turnSecret });
    const turn = prepareCoturn(options.folder, this.#star.place(1).address, turnPort, turnSecret);
    this.#coturn = this.#service("coturn", 1, [findProgram("turnserver") ?? "turnserver", ...turn]);
  }

  async run(): Promise<ChaosResult> {
    this.#progress("starting");
    await this.#build();
    this.#tellAll("load");
    this.#loading = true;
    const faults = await this.#load();
    this.#loading = false;
    const settledInMs = await this.#settle();
    const inTime = await Promise.all(this.#members.map(({ process }) => process.stop(true)));
    this.#progress("checking");
    writeFileSync(this.#path(partiesFile), JSON.stringify(this.#parties));
    if (inTime.includes(false)) throw new Error("a device did not stop in time");
    return { seed: this.#options.seed, faults, settledInMs, ...judge(this.#options.folder) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#registry, this.#coturn, ...this.#members].map(({ process }) => process.kill()));
    this.#schedule.close();
  }

  async #build(): Promise<void> {
    this.#coturn.process.start();
    this.#registry.process.start();
    const claim = await this.#claim();
    const members = layout.map(({ name, kind, devices }) => ({
      name,
      kind,
      homes: namesOf(name, devices).map((each) => this.#path(each)),
    }));
    const { devices, names } = await this.#steward({ claim, members });
    this.#names = names;
    let next = 0;
    for (const member of layout) {
      const own = namesOf(member.name, member.devices).map((process) => ({ process, device: devices[next++] ?? "" }));
      this.#parties.push({ name: member.name, kind: member.kind, devices: own });
      for (const { process } of own) this.#members.push(this.#member(member, process));
    }
    for (const { process } of this.#members) process.start();
    await this.#until("every device is connected", startMs, () => this.#reports.size === this.#members.length);
  }

  /** The load, with faults until shortly before its end. */
  async #load(): Promise<Readonly<Record<FaultKind, number>>> {
    const { loadMs, everyMs } = this.#options;
    const injector = new FaultInjector({
      registry: this.#registry,
      coturn: this.#coturn,
      members: this.#members,
      cuts: new RouterCuts(this.#star.router),
      registryPort,
      schedule: this.#schedule,
    });
    this.#injector = injector;
    const until = performance.now() + loadMs;
    const begun: Promise<void>[] = [];
    for (const fault of faultsOf({ random: this.#random, everyMs, mostMs: loadMs / 3 })) {
      const at = Math.min(performance.now() + fault.afterMs, until);
      await this.#waitUntil(at);
      if (at >= until) break;
      begun.push(injector.begin(fault));
    }
    await Promise.all(begun);
    this.#tellAll("quiet");
    await injector.heal();
    if (injector.error !== undefined) throw new Error("a fault could not be undone", { cause: injector.error });
    return injector.counts;
  }

  /** Resolves with the time that it took until nothing waited any more, or with undefined when that never came. */
  async #settle(): Promise<number | undefined> {
    const started = performance.now();
    let size = 0;
    let since = started;
    while (performance.now() - started < settleMs) {
      await this.#waitUntil(performance.now() + pollMs);
      this.#tellAll("quiet");
      const now = this.#evidenceBytes();
      if (now !== size || this.#waiting() > 0) since = performance.now();
      size = now;
      this.#progress("settling");
      if (performance.now() - since > quietMs) return since - started;
    }
    return undefined;
  }

  #tellAll(command: "load" | "quiet"): void {
    for (const { process } of this.#members) process.tell(command);
  }

  #waiting(): number {
    return [...this.#reports.values()].reduce((sum, { outbox, inbox }) => sum + outbox + inbox, 0);
  }

  #evidenceBytes(): number {
    return this.#members.reduce((sum, { process }) => sum + statSync(this.#evidencePath(process.name)).size, 0);
  }

  #progress(phase: ChaosProgress["phase"]): void {
    const reports = [this.#earlier, ...this.#reports.values()];
    const sum = (name: "accepted" | "handled" | "redelivered"): number =>
      reports.reduce((all, report) => all + report[name], 0);
    this.#options.onProgress({
      phase,
      elapsedMs: performance.now() - this.#started,
      faults: Object.values(this.#injector?.counts ?? {}).reduce((all, one) => all + one, 0),
      accepted: sum("accepted"),
      handled: sum("handled"),
      redelivered: sum("redelivered"),
      waiting: this.#waiting(),
    });
  }

  #service(
    name: string,
    number: number,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Placed {
    const place = this.#star.place(number);
    const process = this.#process(name, () => [...place.enter, ...command], { env });
    return { process, place };
  }

  #registryCommand(): readonly string[] {
    const main = join(root, "packages", "cli", "src", "main.ts");
    const urls = `turn:${this.#star.place(1).address}:${turnPort}`;
    const address = this.#star.place(0).address;
    const settings = [
      "--host",
      address,
      "--plaintext",
      "--port",
      String(registryPort),
      "--data",
      this.#path("registry"),
      "--turn-urls",
      urls,
    ];
    return [...node, main, "up", ...settings, "--json"];
  }

  #member({ name, kind, linkPolicy, devices }: Member, process: string): Placed {
    const place = this.#star.place(this.#members.length + 2);
    const seed = this.#random.below(2 ** 31);
    const settings = (life: number): MemberSettings => ({
      kind,
      linkPolicy,
      isFirst: namesOf(name, devices)[0] === process,
      home: this.#path(process),
      evidence: this.#evidencePath(process),
      life,
      seed: seed + life,
      peers: layout.map((other) => other.name).filter((other) => other !== name),
      agents: layout.filter((other) => other.kind === "agent" && other.name !== name).map((other) => other.name),
      names: this.#names,
      rate: this.#options.rate / layout.reduce((sum, { devices }) => sum + devices, 0),
    });
    const role = join(import.meta.dirname, "roles", "member.ts");
    return {
      place,
      process: this.#process(process, (life) => [...place.enter, ...node, role, JSON.stringify(settings(life))], {
        onMessage: (message) => this.#reported(process, message as MemberReport),
        onStart: (started) => {
          this.#addUp(process);
          if (this.#loading) started.tell("load");
        },
        end: (child, final) => child.send(final ? "stop" : "restart", () => undefined),
      }),
    };
  }

  #process(
    name: string,
    command: (life: number) => readonly string[],
    more: Partial<ConstructorParameters<typeof ChaosProcess>[0]>,
  ): ChaosProcess {
    const process: ChaosProcess = new ChaosProcess({
      name,
      command,
      log: this.#path(`${name}.log`),
      schedule: this.#schedule,
      onGone: () => {
        if (this.#loading) setTimeout(() => process.start(), reviveMs);
        else this.#gone.push(name);
      },
      ...more,
    });
    return process;
  }

  #reported(process: string, report: MemberReport): void {
    this.#reports.set(process, report);
  }

  #addUp(process: string): void {
    const last = this.#reports.get(process);
    if (last === undefined) return;
    for (const name of ["accepted", "handled", "redelivered"] as const) this.#earlier[name] += last[name];
    this.#reports.set(process, { ...last, accepted: 0, handled: 0, redelivered: 0 });
  }

  /** The registry's one-time link, from what it prints. */
  async #claim(): Promise<string> {
    const log = this.#path("registry.log");
    const find = (): string | undefined =>
      existsSync(log) ? /"claim":"([^"]+)"/.exec(readFileSync(log, "utf8"))?.[1] : undefined;
    await this.#until("the registry is ready", startMs, () => find() !== undefined);
    return find() ?? "";
  }

  async #steward(settings: StewardSettings): Promise<StewardAnswer> {
    const [program = "", ...enter] = this.#star.place(0).enter;
    const role = join(import.meta.dirname, "roles", "steward.ts");
    const child = spawn(program, [...enter, ...node, role, JSON.stringify(settings)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      timeout: stewardMs,
    });
    const answered = once(child, "message").then(([answer]) => answer as StewardAnswer);
    const ended = once(child, "exit").then(() => undefined);
    const answer = await Promise.race([answered, ended]);
    if (answer === undefined) throw new Error("the members could not be let in");
    return answer;
  }

  async #until(what: string, ms: number, test: () => boolean): Promise<void> {
    const started = performance.now();
    while (!test()) {
      if (this.#gone.length > 0) throw new Error(`${this.#gone.join(", ")} ended before ${what}`);
      if (performance.now() - started > ms) throw new Error(`it took more than ${ms} ms until ${what}`);
      await this.#waitUntil(performance.now() + 100);
    }
  }

  /** The run's own time: its schedule is one of seconds, not of events. */
  async #waitUntil(at: number): Promise<void> {
    for (let left = at - performance.now(); left > 0; left = at - performance.now()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      systemClock.setTimer(Math.min(left, pollMs), resolve);
      await promise;
      if (this.#loading) this.#progress("load");
    }
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #evidencePath(process: string): string {
    return this.#path(`${process}.jsonl`);
  }
}

const node: readonly string[] = [process.execPath, "--disable-warning=ExperimentalWarning"];

/** `hive-1`, `hive-2` for one of several. */
function namesOf(name: string, devices: number): readonly string[] {
  return devices === 1 ? [name] : Array.from({ length: devices }, (_, index) => `${name}-${index + 1}`);
}

/** How often each thing went wrong that is no loss: a send that was not accepted, a frame that was refused. */
function troublesIn({ devices }: Evidence): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const lines of devices.values())
    for (const line of lines)
      if (line.t === "trouble") counts[`${line.what}: ${line.code}`] = (counts[`${line.what}: ${line.code}`] ?? 0) + 1;
  return counts;
}
