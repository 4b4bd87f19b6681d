import type { Device } from "@parley/client";
import { testCard } from "@parley/testkit";

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
  await device.publishCard(testCard(device, [{ id: "count", tags: ["numbers"] }]));
}
