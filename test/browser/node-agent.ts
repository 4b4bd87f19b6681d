import type { Device } from "@parley/client";
import { type AgentCard, envelopeBinding } from "@parley/protocol";

/** Publishes the skill `count` and serves it: a progress note per step, then the sum and the path that the task came by. */
export async function serveCount(device: Device): Promise<void> {
  device.serve(async (task) => {
    const upTo = Number(task.input);
    let sum = 0;
    for (let step = 1; step <= upTo; step++) {
      sum += step;
      await task.progress(`step ${step}`);
    }
    return { sum, path: task.path, from: task.from.name };
  });
  await device.publishCard(cardOf(device));
}

function cardOf({ name, member }: Device): AgentCard {
  return {
    name,
    description: "Counts in Node",
    version: "1.0.0",
    supportedInterfaces: [{ url: `parley:${member}`, protocolBinding: envelopeBinding, protocolVersion: "1.0" }],
    capabilities: { streaming: true },
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: [{ id: "count", name: "Count", description: "Counts up to a number", tags: ["numbers"] }],
  };
}
