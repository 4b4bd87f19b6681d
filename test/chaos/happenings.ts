import type { Evidence, Party } from "./evidence.ts";

interface Life {
  readonly life: number;
  readonly from: number;
  readonly to: number | undefined;
}

interface Disturbance {
  readonly target: string;
  readonly from: number;
  readonly until: number;
}

/** A lease runs out, and the sessions that saw a fault catch up, within this of the fault's end. */
const afterEffectMs = 90_000;

/** The schedule of a run, asked what happened to whom. */
export class Happenings {
  readonly endedByThemselves: readonly string[];
  readonly #lives = new Map<string, Life[]>();
  readonly #disturbances: readonly Disturbance[];
  readonly #processOf = new Map<string, string>();

  constructor({ schedule, parties }: Evidence) {
    const gone: string[] = [];
    const disturbances: Disturbance[] = [];
    for (const { process, device } of parties.flatMap(({ devices }) => devices)) this.#processOf.set(device, process);
    for (const line of schedule) {
      if (line.t === "fault") disturbances.push({ target: line.target, from: line.at, until: line.until });
      else if (line.t === "started")
        this.#livesOf(line.process).push({ life: line.life, from: line.at, to: undefined });
      else if (line.by !== "end") {
        const lives = this.#livesOf(line.process);
        const at = lives.findIndex(({ life }) => life === line.life);
        if (at !== -1) lives[at] = { life: line.life, from: lives[at]?.from ?? line.at, to: line.at };
        disturbances.push({ target: line.process, from: line.at, until: line.at });
        if (line.by === "itself") gone.push(`life ${line.life} of ${line.process}`);
      }
    }
    this.#disturbances = disturbances;
    this.endedByThemselves = gone;
  }

  /** When a life of a device's process was started. */
  startOf = (device: string, life: number): number | undefined =>
    this.#of(device).find((known) => known.life === life)?.from;

  /** Whether something that can move the inbox to another instance happened to a party, or to the registry, in this time. */
  disturbed = ({ devices }: Party, from: number, until: number): boolean => {
    const targets = ["registry", ...devices.map(({ process }) => process)];
    return this.#disturbances.some(
      (one) =>
        one.from <= until &&
        one.until + afterEffectMs >= from &&
        targets.some((target) => one.target.split(" ").includes(target)),
    );
  };

  /** The life of a device's process at that time. */
  lifeAt(device: string, at: number): number | undefined {
    // A sender dates by the registry's clock as it measured it, which may be ahead of the moment when it was ended.
    return this.#of(device).findLast(({ from }) => from <= at)?.life;
  }

  hasEnded(device: string, life: number): boolean {
    return this.#of(device).find((known) => known.life === life)?.to !== undefined;
  }

  /** Whether a device's process was ended after that time. */
  endedAfter(device: string, at: number): boolean {
    return this.#of(device).some(({ to }) => to !== undefined && to >= at);
  }

  #of(device: string): readonly Life[] {
    return this.#livesOf(this.#processOf.get(device) ?? "");
  }

  #livesOf(process: string): Life[] {
    const known = this.#lives.get(process);
    if (known !== undefined) return known;
    const made: Life[] = [];
    this.#lives.set(process, made);
    return made;
  }
}
