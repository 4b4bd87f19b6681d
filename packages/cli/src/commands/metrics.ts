import { type MetricSample, metricTable } from "@parley/client";
import { isParleyError, ParleyError } from "@parley/protocol";
import { type AttachedDevice, attachDevice } from "@parley/sidecar";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { prometheusText } from "../metrics-text.ts";
import { openHome } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const device = await attach(context);
  try {
    const samples = await device.metrics();
    out.result({ metrics: samples }, () => {
      if (input.switch("prometheus")) printPrometheus(context, samples);
      else printTable(context, samples);
    });
    return 0;
  } finally {
    await device.stop();
  }
};

/** Only a process that has run for a while has counted anything: none is started for this. */
async function attach(context: CommandContext): Promise<AttachedDevice> {
  const home = await openHome(context);
  try {
    return await attachDevice(home.socketPath);
  } catch (error) {
    if (!isParleyError(error) || (error.code !== "not_connected" && error.code !== "closed")) throw error;
    throw new ParleyError("not_connected", {
      message: `No process holds the device of ${home.path}; \`parley run\` or \`parley listen\` would count.`,
    });
  }
}

function printPrometheus({ out }: CommandContext, samples: readonly MetricSample[]): void {
  for (const line of prometheusText(samples).trimEnd().split("\n")) out.line(line);
}

function printTable({ out }: CommandContext, samples: readonly MetricSample[]): void {
  if (samples.length === 0) return out.line("Nothing counted so far.");
  out.table(
    ["COUNTER", "OF", "VALUE", "MEANS"],
    samples.map(({ name, labels, value }) => [
      name,
      Object.values(labels).join(" "),
      String(value),
      metricTable[name].means,
    ]),
  );
}
