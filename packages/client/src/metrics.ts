/** Plain counters of a device: bounded names, bounded labels, nothing about whom or what. */

interface Metric {
  readonly means: string;
  readonly labels: readonly string[];
}

/** Every counter that a device keeps. */
export const metricTable = {
  links_opened: { means: "Links whose other side has proven itself", labels: ["path"] },
  link_attempts: { means: "Dials of links, of this side and of the others", labels: ["role", "purpose"] },
  link_failures: { means: "Dials that came to nothing", labels: ["reason"] },
  links_closed: { means: "Open links that ended", labels: ["reason"] },
  link_upgrades: { means: "Links that took over from an open one", labels: ["result"] },
  frames_sent: { means: "Frames handed to a link or the relay", labels: ["path"] },
  frames_received: { means: "Frames that came", labels: ["path"] },
  bytes_sent: { means: "Bytes of frames that were sent", labels: ["path"] },
  bytes_received: { means: "Bytes of frames that came", labels: ["path"] },
  messages_sent: { means: "Durable messages of this device that came to a state", labels: ["state", "path"] },
  messages_by_reason: { means: "Durable messages delivered, by why they went their way", labels: ["path", "reason"] },
  messages_received: { means: "Messages handed out", labels: ["path", "class"] },
  redeliveries: { means: "Envelopes handed out that may have been handed out before", labels: ["class"] },
  gaps: { means: "Envelopes that were lost and declared so", labels: ["reason"] },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof metricTable;

/** The value of one counter. */
export interface MetricSample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One line of a counter. Whoever counts often keeps it and adds to its value. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** Series of one counter; what would be more is counted under `other`. */
const mostSeries = 64;
const other = "other";

export class DeviceMetrics {
  readonly #counters = new Map<MetricName, Map<string, Series>>();

  /** Adds to a counter. Labels that the table does not name are left out, missing ones are empty. */
  count(name: MetricName, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.series(name, labels).value += by;
  }

  series(name: MetricName, labels: Readonly<Record<string, string>> = {}): Series {
    const counter = this.#counters.get(name) ?? new Map<string, Series>();
    this.#counters.set(name, counter);
    const names = metricTable[name].labels;
    let values = names.map((label) => labels[label] ?? "");
    if (counter.size >= mostSeries && !counter.has(values.join("|"))) values = names.map(() => other);
    const key = values.join("|");
    const series = counter.get(key) ?? {
      labels: Object.fromEntries(names.map((label, at) => [label, values[at] ?? ""])),
      value: 0,
    };
    counter.set(key, series);
    return series;
  }

  /** Every counter that has counted something, in the order of the table. */
  samples(): readonly MetricSample[] {
    return (Object.keys(metricTable) as MetricName[]).flatMap((name) =>
      [...(this.#counters.get(name)?.values() ?? [])].map(({ labels, value }) => ({ name, labels, value })),
    );
  }
}
