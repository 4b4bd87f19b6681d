import { type MetricName, type MetricSample, metricTable } from "@parley/client";

const prefix = "parley_device_";

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const labelsOf = ({ labels }: MetricSample): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
};

/** Counters in the text format of Prometheus (version 0.0.4), each with its help and type. */
export function prometheusText(samples: readonly MetricSample[]): string {
  const lines: string[] = [];
  for (const name of Object.keys(metricTable) as MetricName[]) {
    const own = samples.filter((sample) => sample.name === name);
    if (own.length === 0) continue;
    const full = `${prefix}${name}_total`;
    lines.push(`# HELP ${full} ${metricTable[name].means}.`, `# TYPE ${full} counter`);
    for (const sample of own) lines.push(`${full}${labelsOf(sample)} ${sample.value}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}
