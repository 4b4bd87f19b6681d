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

/** What has to happen in a run of some length: every fault, and every transition that no seed has to be lucky for. */
export const expected: readonly string[] = [
  ...faultNames.map((name) => `fault:${name}`),
  "fault:handler crashes the process",
  "session:stopped>connecting",
  "session:connecting>connected",
  "session:connecting>waiting",
  "session:connected>waiting",
  "session:connected>stopped",
  "session:waiting>connecting",
  "node session closed:closed",
  "node session closed:draining",
  "node session closed:superseded",
  "node session closed:timeout",
  "link:open direct",
  "link:open turn",
  "link:closed closed",
  "link:closed timeout",
  "delivery:start>accepted",
  "delivery:accepted>stored",
  "delivery:accepted>delivered",
  "delivery:stored>delivered",
  "delivery:delivered>handled",
  "delivery:delivered>dead-lettered",
  "delivery:stored>expired",
  "delivery:start>delivered",
  "handled:first",
  "handled:again",
  "mailbox:append",
  "mailbox:trim",
  "push:inbox.lease",
  "task:completed",
  "task:canceled",
];
