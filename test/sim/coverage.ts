import { faultNames } from "./faults.ts";

/** What happened how often: faults, transitions of state machines, kinds of steps. */
export class Coverage {
  readonly counts: Record<string, number>;

  constructor(counts: Record<string, number> = {}) {
    this.counts = counts;
  }

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  add(other: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(other)) this.count(name, count);
  }

  missing(names: readonly string[]): readonly string[] {
    return names.filter((name) => (this.counts[name] ?? 0) === 0);
  }
}

/** What has to happen in a run of some length: every fault, every transition of every state machine. */
export const expected: readonly string[] = [
  ...faultNames.map((name) => `fault:${name}`),
  "fault:handler crashes the process",
];
